"""The docker command, where this product talks to a Docker engine.

The command and not the SDK: only the command drives BuildKit, which keeps secrets out of layers.
"""

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

from evaluation.errors import EnvironmentProblem

PROGRAM_VARIABLE = "WEIGHBRIDGE_DOCKER"
# Clients before this one build with BuildKit themselves, later ones through the buildx plugin.
_NEEDS_PLUGIN_FROM = 23
_KEPT_LINES = 12

Log = Callable[[str], None]


@dataclass(frozen=True)
class DockerClient:
    """A docker command; whether an engine answers shows when it is asked."""

    program: str

    @classmethod
    def find(cls) -> "DockerClient":
        """The command that WEIGHBRIDGE_DOCKER names, else the first `docker` on PATH.

        Raises EnvironmentProblem when there is none.
        """
        return next(_candidates())

    @classmethod
    def for_builds(cls) -> "DockerClient":
        """The first command that has BuildKit; a machine may have several, and not every one has it.

        Raises EnvironmentProblem when none has.
        """
        found = list(_candidates())
        for client in found:
            if client.has_buildx or client.has_own_buildkit:
                return client
        raise EnvironmentProblem(
            f"{' and '.join(client.program for client in found)}: no BuildKit",
            expected="a docker command with the buildx plugin",
            next_step="apt-get install docker-buildx (from Docker: docker-buildx-plugin), or name another "
            f"client: export {PROGRAM_VARIABLE}=/usr/bin/docker",
        )

    @property
    def has_buildx(self) -> bool:
        """Whether the buildx plugin is installed."""
        return self._call("buildx", "version", timeout_s=30).returncode == 0

    @property
    def has_own_buildkit(self) -> bool:
        """Whether the client is old enough to build with BuildKit without a plugin."""
        # Prints the client's part even when no engine answers.
        major = self._call("version", "--format", "{{.Client.Version}}", timeout_s=30).stdout.partition(".")[
            0
        ]
        return major.isdigit() and int(major) < _NEEDS_PLUGIN_FROM

    def require_engine(self) -> None:
        """Raise EnvironmentProblem, saying what to type, unless a Docker engine answers."""
        done = self._call("version", "--format", "{{.Server.Version}}", timeout_s=30)
        if done.returncode == 0 and done.stdout.strip():
            return
        denied = "permission denied" in done.stderr.lower()
        raise EnvironmentProblem(
            f"no Docker engine answers {self.program}: {_last_lines(done.stderr) or 'it says nothing'}",
            expected="a running engine that this user may use",
            next_step="sudo usermod -aG docker $USER, then log in again"
            if denied
            else "sudo systemctl start docker (without systemd: sudo dockerd &)",
        )

    def ask(self, *arguments: str, timeout_s: float = 60, next_step: str = "") -> str:
        """Run a docker command and return what it printed; raises EnvironmentProblem when it fails."""
        done = self._call(*arguments, timeout_s=timeout_s)
        if done.returncode != 0:
            self.require_engine()
            raise EnvironmentProblem(
                f"docker {arguments[0]}: {_last_lines(done.stderr)}", next_step=next_step
            )
        return done.stdout.strip()

    def answers(self, *arguments: str, timeout_s: float = 60) -> bool:
        """Whether a docker command succeeds, for questions such as `image inspect`."""
        return self._call(*arguments, timeout_s=timeout_s).returncode == 0

    def output(self, *arguments: str, timeout_s: float = 60) -> tuple[str, ...]:
        """What a docker command wrote to stdout and stderr, by lines in their order; empty when it fails."""
        done = self._call(*arguments, timeout_s=timeout_s, together=True)
        return tuple(done.stdout.splitlines()) if done.returncode == 0 else ()

    def stream(self, *arguments: str, log: Log) -> None:
        """Run a long docker command and hand over each line as it comes.

        Raises EnvironmentProblem with the last lines when it fails. An exception in `log` or Ctrl-C ends it.
        """
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        with Popen(
            [self.program, *arguments],
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as running:
            try:
                for line in running.stdout or ():
                    last.append(line.rstrip())
                    log(line.rstrip())
            except BaseException:
                running.terminate()
                raise
        if running.returncode != 0:
            self.require_engine()
            lines = "\n    ".join(line for line in last if line)
            raise EnvironmentProblem(f"docker {arguments[0]} ended with {running.returncode}:\n    {lines}")

    def _call(
        self, *arguments: str, timeout_s: float, together: bool = False
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.program, *arguments],
                stdout=PIPE,
                stderr=STDOUT if together else PIPE,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentProblem(
                f"{self.program} {arguments[0]}: {error.__class__.__name__}",
                expected="a docker command and an engine that answer",
                next_step=f"{self.program} version",
            ) from error


def _candidates() -> Iterator[DockerClient]:
    """Every docker command, in the order of PATH; raises EnvironmentProblem when there is none."""
    if named := os.environ.get(PROGRAM_VARIABLE):
        if (program := shutil.which(named)) is None:
            raise EnvironmentProblem(
                f"{PROGRAM_VARIABLE} names {named}, which is no command here",
                next_step=f"unset {PROGRAM_VARIABLE}, or name a docker client",
            )
        yield DockerClient(program)
        return
    seen: set[Path] = set()
    for folder in os.get_exec_path():
        found = shutil.which("docker", path=folder)
        # /bin is often the same folder as /usr/bin.
        if found and (real := Path(found).resolve()) not in seen:
            seen.add(real)
            yield DockerClient(found)
    if not seen:
        raise EnvironmentProblem(
            "no docker command on PATH",
            expected="Docker Engine 20.10 or newer",
            next_step="apt-get install docker.io, or see https://docs.docker.com/engine/install",
        )


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[:600]
