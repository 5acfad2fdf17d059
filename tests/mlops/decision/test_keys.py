"""Keys: made once, kept private, read from where they are said to be."""

import base64
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.keys import SIGNING_KEY, PublicKey, SigningKey, make_own_key, own_key
from mlops.decision.trust import TRUSTED_KEYS, add_trusted, trust

SEED = bytes(range(32))
SEED_TEXT = base64.b64encode(SEED).decode()


def pem(key: object, encryption: object = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


def public(seed: int) -> PublicKey:
    return PublicKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_once_for_this_user_alone(own_folder: Path) -> None:
    assert own_key() is None
    assert not own_folder.exists()
    made = make_own_key()
    assert (mode(own_folder), mode(own_folder / "signing_key")) == (0o700, 0o600)
    assert made.source == str(own_folder / "signing_key")
    assert make_own_key().public == own_key().public == made.public
    assert [path.name for path in own_folder.iterdir()] == ["signing_key"]
    assert made.public.verifies(b"said", made.sign(b"said"))
    assert not made.public.verifies(b"Said", made.sign(b"said"))


def test_two_processes_that_start_at_once_get_one_key(own_folder: Path) -> None:
    program = "from mlops.decision.keys import make_own_key; print(make_own_key().public.text)"
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert [path.name for path in own_folder.iterdir()] == ["signing_key"]


def test_who_comes_second_takes_the_key_of_the_first(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_own_key()
    real, looks = own_key, []

    def not_yet_there_at_the_first_look() -> SigningKey | None:
        looks.append(1)
        return None if len(looks) == 1 else real()

    monkeypatch.setattr("mlops.decision.keys.own_key", not_yet_there_at_the_first_look)
    assert make_own_key().public == first.public
    assert [path.name for path in own_folder.iterdir()] == ["signing_key"]


@pytest.mark.parametrize(
    "text", [SEED_TEXT, f"  {SEED_TEXT}\n", pem(Ed25519PrivateKey.from_private_bytes(SEED))]
)
def test_the_variable_goes_before_the_file(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    make_own_key()
    monkeypatch.setenv(SIGNING_KEY, text)
    expected = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    assert (own_key().public.raw, own_key().source) == (expected, SIGNING_KEY)
    monkeypatch.setenv(SIGNING_KEY, "")
    assert own_key().source == str(own_folder / "signing_key")


NO_KEYS = {
    "words": "no key at all",
    "31 bytes": base64.b64encode(SEED[:31]).decode(),
    "64 bytes": base64.b64encode(SEED * 2).decode(),
    "another algorithm": pem(ec.generate_private_key(ec.SECP256R1())),
    "with a password": pem(Ed25519PrivateKey.from_private_bytes(SEED), BestAvailableEncryption(b"word")),
    "half of one": pem(Ed25519PrivateKey.from_private_bytes(SEED))[:60],
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key_is_refused_and_never_told(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(SIGNING_KEY, text)
    with pytest.raises(UserError, match=f"{SIGNING_KEY} holds no Ed25519 private key") as refused:
        make_own_key()
    assert text.strip()[:20] not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert not own_folder.exists()


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(own_folder: Path, open_to: int) -> None:
    make_own_key()
    (own_folder / "signing_key").chmod(open_to)
    for ask in (own_key, make_own_key, trust):
        with pytest.raises(UserError, match=f"chmod 600 {own_folder / 'signing_key'}"):
            ask()


@pytest.mark.parametrize("place", ["config/weighbridge", "config", "."])
def test_no_key_inside_of_what_is_handed_over(own_folder: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(UserError, match="set XDG_CONFIG_HOME to another folder"):
        make_own_key(outside=[tmp_path / "elsewhere", tmp_path / place])
    assert not own_folder.exists()
    made = make_own_key(outside=[tmp_path / "elsewhere"])
    with pytest.raises(UserError, match="inside of"):
        make_own_key(outside=[tmp_path / place])
    assert make_own_key().public == made.public


def test_a_key_from_the_variable_lies_nowhere(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY, SEED_TEXT)
    assert make_own_key(outside=[tmp_path]).source == SIGNING_KEY
    assert not own_folder.exists()


def test_a_folder_that_cannot_be_written_is_named(own_folder: Path) -> None:
    own_folder.parent.mkdir(parents=True)
    own_folder.write_text("a file, no folder")
    with pytest.raises(EnvironmentProblem, match="no access to"):
        make_own_key()


def test_nothing_prints_the_private_key(own_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        key = make_own_key()
        logging.getLogger("weighbridge").warning("%r %s", key, vars(key))
    hidden = (own_folder / "signing_key").read_text().splitlines()[1]
    seed = base64.b64encode(base64.b64decode(hidden)[-32:]).decode()
    for text in (repr(key), str(key), caplog.text):
        assert hidden not in text
        assert seed not in text
        assert "Ed25519PrivateKey" not in repr(key)


def test_nobody_is_trusted_at_first_and_asking_makes_no_key(own_folder: Path) -> None:
    assert trust().keys == ()
    assert not own_folder.exists()


def test_the_own_key_is_always_trusted(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = make_own_key().public
    assert trust().keys == (own,)
    monkeypatch.setenv(TRUSTED_KEYS, f" {public(1).text} , {public(2).text},{own.text}")
    assert trust().keys == (public(1), public(2), own)
    assert trust().source == TRUSTED_KEYS
    monkeypatch.setenv(TRUSTED_KEYS, trust().text)
    assert trust().keys == (public(1), public(2), own)
    monkeypatch.setenv(TRUSTED_KEYS, "")
    assert trust().keys == (own,)


def test_keys_of_the_file_with_comments(own_folder: Path) -> None:
    own_folder.mkdir(parents=True)
    (own_folder / "trusted_keys").write_text(f"# who decides\n\n{public(1).text}  # the build machine\n")
    (own_folder / "trusted_keys").chmod(0o600)
    assert trust().keys == (public(1),)
    add_trusted(f" {public(2).text}\n")
    add_trusted(public(2).text)
    assert trust().keys == (public(1), public(2))
    assert (own_folder / "trusted_keys").read_text().count(public(2).text) == 1


def test_a_key_is_added_to_a_new_file_and_to_a_line_without_an_end(own_folder: Path) -> None:
    key, path = add_trusted(public(1).text)
    assert (key, path, mode(path), mode(own_folder)) == (public(1), own_folder / "trusted_keys", 0o600, 0o700)
    path.write_text(public(1).text)
    add_trusted(public(2).text)
    assert trust().keys == (public(1), public(2))


def test_a_list_that_others_can_write_is_refused(own_folder: Path) -> None:
    _, path = add_trusted(public(1).text)
    path.chmod(0o664)
    with pytest.raises(UserError, match="others can write to"):
        trust()


@pytest.mark.parametrize("text", ["", "key", SEED_TEXT[:-1], SEED_TEXT + SEED_TEXT, SEED_TEXT[:-2] + "9="])
def test_what_is_no_public_key_is_refused(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(UserError, match="is no public key"):
        add_trusted(text)
    assert not own_folder.exists()
    monkeypatch.setenv(TRUSTED_KEYS, text or "x")
    with pytest.raises(UserError, match="is no public key"):
        trust()


def test_what_a_command_leaves_running_never_gets_the_private_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops.rollout import process

    monkeypatch.setenv(SIGNING_KEY, SEED_TEXT)
    handle = process.spawn(
        [sys.executable, "-c", "import os; print(sorted(os.environ))"],
        told={"MARKED": "yes"},
        log=tmp_path / "log",
        folder=tmp_path,
    )
    while process.find(handle):
        os.sched_yield()
    assert "MARKED" in (tmp_path / "log").read_text()
    assert SIGNING_KEY not in (tmp_path / "log").read_text()
