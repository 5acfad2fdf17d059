"""The request log on a real S3 server that checks keys: writers side by side, marks, erasure, and no server at all."""

import datetime as dt
import json
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow import fs

from evaluation.errors import EnvironmentProblem
from monitoring.store.base import LabelRecord, Mark, RequestRecord
from monitoring.store.delta import DeltaRequestLog

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WEED = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
KEY, SECRET = "writer", "s3cr3t-of-the-writer"

pytestmark = [
    pytest.mark.skipif(WEED is None, reason="weed, an S3 server, is not installed"),
    pytest.mark.xdist_group("s3"),
]


def record(name, **inputs):
    return RequestRecord(name, START, "lending", "1", "r", 1.0, 1, 0.5, inputs or {"age": 1})


def free_ports(count):
    """Neighbours, as each part of the server also takes its port plus 10,000."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = 20_000 + probe.getsockname()[1] % 9_000
        return range(first, first + count)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    actions = ["Admin", "Read", "Write", "List"]
    identities = {"identities": [{"name": "log", "credentials": credentials, "actions": actions}]}
    (folder / "s3.json").write_text(json.dumps(identities))
    master, volume, filer, port = free_ports(4)
    command = [
        WEED, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
        f"-volume.port={volume}", f"-filer.port={filer}", "-s3", f"-s3.port={port}", f"-s3.config={folder}/s3.json",
        "-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    store = fs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        endpoint_override=f"http://127.0.0.1:{port}",
        region="us-east-1",
        allow_bucket_creation=True,
        request_timeout=2,
    )
    try:
        for _ in range(300):
            assert process.poll() is None, (folder / "output").read_text()[-2000:]
            try:
                store.create_dir("logs")
                with store.open_output_stream("logs/probe") as file:
                    file.write(b"1")
                break
            except OSError:
                time.sleep(0.1)
        yield port, store
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def address(server, request, monkeypatch):
    """An address that nobody wrote to, in a bucket that the environment gives access to."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server[0]}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return f"s3://logs/{request.node.name}"


def test_writers_side_by_side_lose_and_double_nothing(address):
    logs = [DeltaRequestLog(address) for _ in range(3)]

    def write(number):
        for count in range(8):
            mark = Mark(f"journal-{number}", count, count + 1)
            logs[number].append([record(f"{number}-{count}")], mark=mark)
            logs[number].append([record(f"{number}-{count}")], mark=mark)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))
    logs[0].append_labels([LabelRecord("1-1", START, 1)])
    logs[0].compact()
    rows = DeltaRequestLog(address).read(model="lending")
    assert rows.height == rows["id"].n_unique() == 24
    assert rows["target"].drop_nulls().to_list() == [1]
    assert logs[2].stored("journal-1") == (8, 0)


def test_an_erased_subject_is_in_no_object(address, server, tmp_path):
    log = DeltaRequestLog(address)
    log.append([record("subject-17-a", customer=17), record("other", customer=18)])
    log.append_labels([LabelRecord("subject-17-a", START, 1)])
    assert len(log.traces(["17"], field="customer", ids=["subject-17-a"], folder=tmp_path)) == 2
    done = log.erase(["17"], field="customer")
    assert (done.requests, done.labels) == (1, 1)
    assert log.traces(["17"], field="customer", ids=done.ids, folder=tmp_path) == ()
    found = server[1].get_file_info(fs.FileSelector(address.removeprefix("s3://"), recursive=True))
    files = [each.path for each in found if each.type == fs.FileType.File]
    assert any(path.endswith(".parquet") for path in files)
    for path in files:
        with server[1].open_input_stream(path) as file:
            assert b"subject-17" not in file.read(), path
    assert log.read(model="lending")["id"].to_list() == ["other"]


def test_a_wrong_key_is_told_without_any_key(address, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an0ther-s3cr3t")
    with pytest.raises(EnvironmentProblem, match="cannot append") as told:
        DeltaRequestLog(address).append([record("a")])
    assert "s3cr3t" not in str(told.value)
