"""Several server processes on one address: started, started again when one dies, stopped together.

The address is bound once and its socket inherited, so that a connection waits in one queue for whichever process is
free; with SO_REUSEPORT each process has a queue of its own, and what waits in one is lost with its process.
uvicorn's own supervisor kills a process that does not answer it within seconds, which one that imports on a busy
machine may not, starts a dead one again without a pause, and ends with 0 whatever the others ended with.
"""

import logging
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.errors import ExitCode

# prometheus_client reads it when it is imported: where the processes of a server share their numbers.
SHARED_IN = "PROMETHEUS_MULTIPROC_DIR"

_LOG = logging.getLogger("weighbridge.processes")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
# One that lived so long begins again with the first pause.
_HEALTHY_S = 60.0
_MOST_VAIN_STARTS = 5
_REAPED_WITHIN_S = 5.0
_READY = b"r"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class _Worker:
    """One process and our end of the socket pair by which it tells that it is ready, and we that we are there."""

    process: "subprocess.Popen[bytes]"
    line: socket.socket
    started: float = field(default_factory=time.monotonic)
    ready: bool = False


class Supervisor:
    """Keeps `count` processes of a command running, which inherit a bound socket.

    command: gets `--worker FD,FD` appended: the socket to listen on, and the line to its supervisor.
    """

    def __init__(self, command: Sequence[str], listener: socket.socket, count: int) -> None:
        self._command = tuple(command)
        self._listener = listener
        self._workers: list[_Worker] = []
        # When a process is to be started, by time.monotonic.
        self._due = [0.0] * count
        self._was_ready = False
        self._vain = 0
        self._code = int(ExitCode.PASS)
        self._stopping = False

    def run(self) -> int:
        """Serve until told to stop; 0 when every process ended in order, else the first other exit code."""
        with (
            tempfile.TemporaryDirectory(prefix="weighbridge-metrics-") as folder,
            _signals() as come,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(come, selectors.EVENT_READ)
            while self._due or self._workers:
                for worker in self._start_due(folder):
                    selector.register(worker.line, selectors.EVENT_READ, worker)
                for number in self._wait(selector, come):
                    self._stop(number)
                for worker in self._ended():
                    selector.unregister(worker.line)
                    worker.line.close()
                    _forget_gauges(worker, folder)
                    self._conclude(worker)
        return self._code

    def _start_due(self, folder: str) -> list[_Worker]:
        now = time.monotonic()
        due = [at for at in self._due if at <= now]
        self._due = [at for at in self._due if at > now]
        started = [self._start(folder) for _ in due]
        self._workers += started
        return started

    def _start(self, folder: str) -> _Worker:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            fds = (self._listener.fileno(), theirs.fileno())
            process = subprocess.Popen(
                (*self._command, "--worker", ",".join(map(str, fds))),
                pass_fds=fds,
                env={**os.environ, SHARED_IN: folder},
                # Ctrl+C reaches every process of a terminal's group; ours hear of it once, from us.
                process_group=0,
            )
        return _Worker(process, ours)

    def _wait(self, selector: selectors.BaseSelector, come: socket.socket) -> list[int]:
        """Until a process says something or ends, a start is due, or signals come, which are returned."""
        pause_s = max(0.0, min(self._due) - time.monotonic()) if self._due else None
        for key, _ in selector.select(pause_s):
            worker: _Worker | None = key.data
            if worker is not None:
                self._hear(worker)
        with suppress(BlockingIOError):
            return list(come.recv(64))
        return []

    def _hear(self, worker: _Worker) -> None:
        with suppress(OSError):
            if worker.line.recv(1) == _READY:
                worker.ready = self._was_ready = True
                return
        # The line closes a moment before its process can be reaped.
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(_REAPED_WITHIN_S)

    def _stop(self, number: int) -> None:
        """Pass a signal on: the first one begins the end, and what a second one means every process knows."""
        self._stopping = True
        self._due.clear()
        # While we hold it, connections would wait for nobody.
        self._listener.close()
        for worker in self._workers:
            worker.process.send_signal(number)

    def _ended(self) -> list[_Worker]:
        ended = [worker for worker in self._workers if worker.process.poll() is not None]
        self._workers = [worker for worker in self._workers if worker not in ended]
        return ended

    def _conclude(self, worker: _Worker) -> None:
        """What an end means: what was asked for, a death, or that there is no use in trying."""
        code = worker.process.returncode
        if self._stopping:
            # One that had not come up yet knows no other way to end.
            told_to = not worker.ready and -code in _SIGNALS
            self._code = self._code or (0 if told_to else _exit_code(code))
            return
        lived_s = time.monotonic() - worker.started
        self._vain = 0 if worker.ready and lived_s > _HEALTHY_S else self._vain + 1
        facts = {"pid": worker.process.pid, "code": code, "lived_s": round(lived_s, 1)}
        none_serves = not any(each.ready for each in (worker, *self._workers))
        # At the first start all fail for the same reason, and have told it.
        if none_serves and (not self._was_ready or self._vain >= _MOST_VAIN_STARTS):
            _LOG.error("no process can start", extra={"facts": facts})
            self._code = _exit_code(code) or int(ExitCode.ENVIRONMENT)
            self._stop(signal.SIGTERM)
            return
        pause_s = min(_FIRST_PAUSE_S * 2 ** max(0, self._vain - 1), _LONGEST_PAUSE_S)
        _LOG.error("a process died, another follows", extra={"facts": {**facts, "pause_s": pause_s}})
        self._due.append(time.monotonic() + pause_s)


class Inherited:
    """What a process has from its supervisor: the socket to listen on, and its end of the line."""

    def __init__(self, listener: int, line: int) -> None:
        self._number = listener
        self._line = socket.socket(fileno=line)
        self._line.set_inheritable(False)

    @classmethod
    def parse(cls, text: str) -> "Inherited":
        """Take over `FD,FD`; raises ValueError or OSError for what are no sockets."""
        listener, _, line = text.partition(",")
        return cls(int(listener), int(line))

    def listener(self) -> socket.socket:
        """The socket to listen on."""
        listener = socket.socket(fileno=self._number)
        listener.set_inheritable(False)
        return listener

    def ready(self) -> None:
        """Tell that this process takes requests."""
        with suppress(OSError):
            self._line.send(_READY)

    def watch(self) -> None:
        """End in order when the supervisor is gone, however it went."""
        threading.Thread(target=self._watch, name="supervisor-watch", daemon=True).start()

    def _watch(self) -> None:
        with suppress(OSError):
            self._line.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that gives a byte, the number, for each SIGTERM or SIGINT."""
    come, wake = socket.socketpair()
    with come, wake:
        for end in (come, wake):
            end.setblocking(False)
        before = [signal.signal(number, lambda *_: None) for number in _SIGNALS]
        earlier = signal.set_wakeup_fd(wake.fileno())
        try:
            yield come
        finally:
            signal.set_wakeup_fd(earlier)
            for number, handler in zip(_SIGNALS, before, strict=True):
                signal.signal(number, handler)


def _forget_gauges(worker: _Worker, folder: str) -> None:
    """What a dead process had waiting is no more; what it counted stays in the sum."""
    for path in Path(folder).glob(f"gauge_live*_{worker.process.pid}.db"):
        path.unlink(missing_ok=True)


def _exit_code(code: int) -> int:
    """A signal's number is no exit code."""
    return code if code >= 0 else int(ExitCode.ENVIRONMENT)
