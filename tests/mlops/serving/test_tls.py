"""TLS by files: what is refused at the start, what a renewal changes, and a server that answers only so."""

import contextlib
import ipaddress
import ssl
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from evaluation.errors import ExitCode, UserError
from mlops.client import Client
from mlops.serving.command import main
from mlops.serving.tls import Certificate


def pair():
    """A certificate for 127.0.0.1 that signs itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    made = x509.CertificateBuilder(
        name,
        name,
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=1),
        now + timedelta(days=1),
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(address, critical=True).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return signed.public_bytes(Encoding.PEM), secret


@pytest.fixture
def files(tmp_path):
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    put(certificate, key, pair())
    return certificate, key


def put(certificate, key, made):
    """As programs that renew do: each file at once, one after the other."""
    for path, content in zip((certificate, key), made, strict=True):
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)


def der(pem):
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def shown(context):
    """The certificate that a caller sees."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    caller = anyone.wrap_bio(back, there)
    server = context.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (caller, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return caller.getpeercert(binary_form=True)


def locked(pem):
    return load_pem_private_key(pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


BROKEN = {
    "no certificate": (None, "as it is"),
    "no key": ("as it is", None),
    "no PEM": (b"hello", "as it is"),
    "another's key": ("as it is", pair()[1]),
    "a key with a password": ("as it is", locked),
    "nothing in it": (b"", b""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_pair_is_refused_at_the_start(files, case):
    for path, change in zip(files, BROKEN[case], strict=True):
        if change is None:
            path.unlink()
        elif change != "as it is":
            path.write_bytes(change(path.read_bytes()) if callable(change) else change)
    with pytest.raises(UserError, match="cannot be used for TLS: ") as refused:
        Certificate(*files)
    assert "BEGIN" not in str(refused.value)


@pytest.mark.parametrize("given", ["--certificate", "--key"])
def test_one_file_is_not_enough(files, tmp_path, capsys, given):
    options = [given, str(files[0]), "--log-dir", str(tmp_path / "log")]
    assert main([str(tmp_path), *options]) == ExitCode.USER_ERROR
    assert "TLS needs a certificate and its key" in capsys.readouterr().err


def test_old_protocols_are_refused(files):
    assert Certificate(*files).context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_renewal_counts_once_both_files_are_there(files, caplog):
    first, second = files[0].read_bytes(), pair()
    there = Certificate(*files)
    there.look()
    assert caplog.messages == []
    put(files[0], files[1], (second[0], files[1].read_bytes()))
    there.look()
    assert shown(there.context) == der(first)
    assert caplog.messages == ["certificate not read, the last good one stays"]
    put(*files, second)
    there.look()
    assert shown(there.context) == der(second[0])
    files[0].unlink()
    there.look()
    assert shown(there.context) == der(second[0])


def test_a_server_answers_in_tls_only_and_takes_a_renewed_certificate(  # noqa: PLR0917 - fixtures
    servers, bundle, tmp_path, files, good, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with servers(tmp_path, str(bundle.path)) as start:
        server = start("--certificate", str(files[0]), "--key", str(files[1]))
        with Client(server.url) as client:
            assert client.predict([good]).model == "lending"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.port}/health/ready")
        renewed = pair()
        put(*files, renewed)
        while der(ssl.get_server_certificate(("127.0.0.1", server.port)).encode()) != der(renewed[0]):
            assert server.process.poll() is None
            time.sleep(0.05)
        with httpx.Client(base_url=server.url) as session:
            assert session.get("/health/ready").is_success
            assert server.end() == 0
    assert files[1].read_text().splitlines()[1] not in server.output.read_text()
