"""Servers as processes: started, held still while others are measured, and stopped with all that they started."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
# For all alike: one thread a model call, which sleeps while it waits, and nobody who phones home.
_ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
}
_STARTS_WITHIN_S = 120
_STOPS_WITHIN_S = 20
_ASK_EVERY_S = 0.02
_CHECKED_TO = 1e-6


class NotServed(Exception):  # noqa: N818 - an outcome that becomes a row
    """A server that cannot be measured, with the reason."""


@dataclass(frozen=True)
class Contestant:
    """A server and how it is asked.

    command: PORT in it stands for the port. needs: what `command` cannot do without, and who sets it up.
    body: the name of the list of records in a request; score: the first score of an answer.
    """

    name: str
    command: tuple[str, ...]
    route: str
    ready: str
    score: Callable[[Any], float]
    body: str = "records"
    key: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[Path, str] | None = None

    def content(self, record: Mapping[str, Any]) -> bytes:
        """The body of a request about one record."""
        return json.dumps({self.body: [record]}).encode()


@dataclass(frozen=True)
class Server:
    """A contestant that runs; ready_s: from the start of its process to its first answer."""

    contestant: Contestant
    url: str
    process: psutil.Process
    ready_s: float

    @property
    def name(self) -> str:
        """The contestant's."""
        return self.contestant.name

    def family(self) -> list[psutil.Process]:
        """The process and all that it started."""
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def memory_mib(self) -> float:
        """Resident memory of the family; pages that two of them share count twice."""
        found = 0
        for each in self.family():
            with suppress(psutil.NoSuchProcess):
                found += each.memory_info().rss
        return found / 2**20

    @contextmanager
    def still(self) -> Iterator[None]:
        """Hold the family still: an idle server also does this and that, and should not do it on others' time."""
        family = self.family()
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        try:
            yield
        finally:
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.resume()

    def require_score(self, record: Mapping[str, Any], expected: float) -> None:
        """Ask once; raises NotServed for an answer that is not the model's."""
        contestant = self.contestant
        headers = {"content-type": "application/json"}
        if contestant.key is not None:
            headers["authorization"] = f"Bearer {contestant.key}"
        request = urllib.request.Request(
            self.url + contestant.route, contestant.content(record), headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                score = contestant.score(json.load(answer))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise NotServed(f"answers no request: {type(error).__name__}: {error}") from error
        if abs(score - expected) > _CHECKED_TO:
            raise NotServed(f"answers {score}, and the model {expected}")


@contextmanager
def serving(contestant: Contestant, folder: Path) -> Iterator[Server]:
    """Start a contestant and wait until it answers; stop it and its family in the end. Raises NotServed."""
    if contestant.needs is not None and not contestant.needs[0].exists():
        raise NotServed(f"not set up: {contestant.needs[1]}")
    own = folder / "".join(filter(str.isalnum, contestant.name))
    own.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, **_ENVIRONMENT}
    environment |= {name: value.replace("PORT", port) for name, value in contestant.environment.items()}
    environment |= {"BENTOML_HOME": str(own), "RAY_TMPDIR": str(own)}
    output = own / "output.log"
    began = time.perf_counter()
    with output.open("wb") as log:
        process = psutil.Popen(
            [part.replace("PORT", port) for part in contestant.command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=own,
        )
    with ExitStack() as stack:
        stack.callback(_stop, process)
        url = f"http://127.0.0.1:{port}"
        while not _answers(url + contestant.ready):
            if process.poll() is not None or time.perf_counter() - began > _STARTS_WITHIN_S:
                raise NotServed(f"did not start: {_last_line(output)}")
            time.sleep(_ASK_EVERY_S)
        yield Server(contestant, url, process, time.perf_counter() - began)


def _stop(process: psutil.Popen) -> None:
    """End the process in order, then what it left behind."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = process.children(recursive=True)
        process.terminate()
    with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
        process.wait(_STOPS_WITHIN_S)
    for end in (psutil.Process.terminate, psutil.Process.kill):
        left = [each for each in (process, *family) if each.is_running()]
        for each in left:
            with suppress(psutil.NoSuchProcess):
                end(each)
        psutil.wait_procs(left, timeout=5)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "without a word")[:200]
