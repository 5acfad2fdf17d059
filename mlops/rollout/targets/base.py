"""What a rollout target must do, and the lane it hands back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Lane:
    """One served version behind the router; plain strings and a port, so that it is written to JSON as it is.

    >>> Lane("lending", "3", "20261121-230512-1a2b3c4d", "local", "127.0.0.1", 20801, "412:1.5", "b", "l").url
    'http://127.0.0.1:20801'
    """

    model: str
    version: str
    release_id: str
    target: str
    """Name of the target that started it: local, docker."""
    host: str
    port: int
    """Where the router reaches it, on this machine."""
    handle: str
    """What identifies it beyond doubt. local: `pid:start time`; docker: the container's full id."""
    artefact: str
    """What is started again if it dies: a bundle's path, or an image by digest."""
    log: str
    """Where a person finds its output: a file's path, or a command that prints it."""

    @property
    def url(self) -> str:
        """Root of its HTTP interface."""
        return f"http://{self.host}:{self.port}"


class Target(Protocol):
    """Where lanes run. It starts, watches and stops them; it knows no router, no state file and no champion.

    Lanes outlive the command that started them. `start` therefore marks each one (environment of the process,
    labels of the container) with all fields of its Lane and with `log_dir`, in one step with the start:
    so `running` finds a lane whose starter was killed before it could write anything down.
    """

    @property
    def name(self) -> str:
        """Goes into `Lane.target`."""
        ...

    def start(  # noqa: PLR0913 - what a server must know to start, each by its name
        self, artefact: str, *, version: str, release_id: str, model: str, port: int, log_dir: Path
    ) -> Lane:
        """Start a server for `artefact` on 127.0.0.1:`port` that logs requests below `log_dir`, ready or not.

        Raises UserError for an artefact that is not there, EnvironmentProblem when it cannot be started.
        """
        ...

    def alive(self, lane: Lane) -> bool:
        """Whether exactly this lane runs, ready or not; False for another process that got its id."""
        ...

    def stop(self, lane: Lane, *, within_s: float) -> None:
        """Ask it to end, force it after `within_s` seconds, return once it is gone, or was already."""
        ...

    def running(self, log_dir: Path) -> tuple[Lane, ...]:
        """Every lane of this target that was started for `log_dir` and is alive, recorded anywhere or not."""
        ...

    def log_tail(self, lane: Lane, *, lines: int) -> tuple[str, ...]:
        """The last lines that it wrote to stdout or stderr, oldest first; empty when there are none."""
        ...
