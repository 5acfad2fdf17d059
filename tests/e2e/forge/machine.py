"""What the machine of a test has besides the forge: a client, an MLflow server, maybe a Docker engine."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BASE = os.environ.get("WEIGHBRIDGE_TEST_BASE", "local/python:3.11-slim")
REGISTRY = os.environ.get("WEIGHBRIDGE_TEST_REGISTRY", "127.0.0.1:5005")


def missing_for_images() -> str | None:
    """What this machine lacks to build, push and run an image, None when it can."""
    question = ["version"] if "WEIGHBRIDGE_TEST_BASE" in os.environ else ["image", "inspect", BASE]
    try:
        done = subprocess.run(["docker", *question], check=False, capture_output=True, timeout=30)
    except FileNotFoundError:
        return "there is no docker command; run .ci/docker.sh as root"
    if done.returncode != 0:
        return f"no Docker engine with the image {BASE}; run .ci/docker.sh as root"
    try:
        urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5).close()
    except OSError:
        return f"no registry on {REGISTRY}; run .ci/docker.sh as root"
    return None


def remove_images(repository: str) -> None:
    """Remove a repository's images from the engine; their layers stay in the build cache."""
    listed = subprocess.run(
        ["docker", "image", "ls", "--quiet", repository], check=True, capture_output=True, text=True
    )
    for image in set(listed.stdout.split()):
        subprocess.run(["docker", "image", "rm", "--force", image], check=True, capture_output=True)


class Client:
    """Asks the served model again and again, from another thread, and keeps what went wrong."""

    def __init__(self, url: str, record: dict) -> None:
        self._url = url
        self._body = json.dumps({"records": [record]}).encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.versions: dict[str, int] = {}
        self.failures: list[str] = []

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    @property
    def answers(self) -> int:
        return sum(self.versions.values())

    def wait_for(self, version: str) -> None:
        """Return once a version has answered; it must be the one that serves."""
        deadline = time.monotonic() + 30
        while self.versions.get(version, 0) == 0:
            assert time.monotonic() < deadline, f"version {version} never answered: {self.versions}"
            time.sleep(0.05)

    def _ask(self) -> None:
        headers = {"Content-Type": "application/json"}
        while not self._stop.wait(0.02):
            request = urllib.request.Request(f"{self._url}/v1/predict", self._body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    version = json.load(response)["version"]
            except Exception as error:  # noqa: BLE001 - whatever a client can see is a failed request
                self.failures.append(repr(error))
            else:
                self.versions[version] = self.versions.get(version, 0) + 1


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """An MLflow server that keeps runs, versions and files below a folder; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, files = f"sqlite:///{folder / 'server.db'}", str(folder / "server-files")
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", store, "--artifacts-destination", files]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its workers take half a minute to end when asked, and nothing of theirs is needed any more.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def wait_until_healthy(address: str, process: subprocess.Popen) -> None:
    """Return once a server answers; it gets two minutes on a busy machine."""
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, "the server never answered"
            time.sleep(0.2)
        else:
            return
