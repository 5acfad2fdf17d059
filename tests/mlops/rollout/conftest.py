"""A home whose every process is stopped after the test, whatever the test did to it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.config import RolloutConfig
from mlops.rollout import process
from mlops.rollout.controller import Rollout
from mlops.rollout.state import Deployment
from mlops.rollout.targets.local import LocalTarget
from mlops.serving.config import ServeConfig

CLIENT = Path(__file__).with_name("polling_client.py")
STAND_IN = Path(__file__).with_name("stand_in_server.py")


class House:
    """One home, its bundles, and what runs for it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.serving = home / "serving"
        self.serve = ServeConfig(port=0)
        self.bundles = 0

    def target(self) -> LocalTarget:
        command = (sys.executable, "-S", "-E", str(STAND_IN))
        return LocalTarget(self.serve, self.serving / "lanes", self.home / "keys.json", command=command)

    def rollout(self, *, ready_within_s: float = 20, port: int = 0) -> Rollout:
        settings = RolloutConfig(ready_within_s=ready_within_s)
        return Rollout(self.home, ServeConfig(port=port), settings, self.target())

    def bundle(self, version: str, **behaviour: object) -> str:
        self.bundles += 1
        folder = self.home / "bundles" / f"{version}-{self.bundles}"
        folder.mkdir(parents=True)
        (folder / "stand_in.json").write_text(json.dumps({"version": version, **behaviour}))
        return str(folder)

    def names(self, version: str) -> dict[str, str]:
        return {"model": "lending", "version": version, "release_id": f"20261121-230512-0000000{version}"}

    def running(self) -> dict[str, str]:
        """Version by handle, of every lane that runs."""
        return {lane.handle: lane.version for lane in self.target().running(self.home / "log")}

    def ask(self, url: str, path: str = "/model") -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(url + path, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def served(self, deployment: Deployment) -> str:
        """The version that the router's clients get."""
        status, content = self.ask(deployment.url)
        assert status == 200, content
        return content["version"]

    def client(self, deployment: Deployment, body: str = "{}") -> "Client":
        return Client(deployment, body)

    def routers(self) -> list[str]:
        return [handle for handle, mark in process.marked("WEIGHBRIDGE_ROUTER") if mark == str(self.serving)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "home")
    try:
        yield house
    finally:
        house.rollout().stop()
        assert not house.running()
        assert not house.routers()


class Client:
    """Asks a deployment's router all the while, twice at once; `failures` holds every answer that was not a 200."""

    def __init__(self, deployment: Deployment, body: str) -> None:
        where = (deployment.router.host, str(deployment.router.port))
        self._command = (sys.executable, "-S", "-E", str(CLIENT), *where, body)
        self._versions: dict[int, str] = {}
        self.answers = 0
        self.failures: list[str] = []

    def wait_for(self, version: str) -> None:
        """Return once this version is the last that both have met."""
        while len(self._versions) < 2 or set(self._versions.values()) != {version}:
            seen = json.loads(self._process.stdout.readline())
            self._versions[seen["poller"]] = seen["version"]

    def __enter__(self) -> "Client":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        said, _ = self._process.communicate(timeout=60)
        last = json.loads(said.splitlines()[-1])
        self.answers, self.failures = last["answers"], last["failures"]
