"""Processes that outlive the command which started them, told from any other by pid and start time."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from evaluation.errors import EnvironmentProblem

# What a program needs to run at all. Not what else its starter has: secrets that are none of its business, and a
# job's variables, least of all RUNNER_TRACKING_ID, by which a GitHub runner finds and kills what a job left behind.
_BASIC = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"}
)
_BASIC_KINDS = (
    *("LC_", "LD_", "DYLD_", "PYTHON", "XDG_", "CONDA_", "CUDA_", "NVIDIA_", "ROCR_", "MALLOC_"),
    *("OMP_", "MKL_", "OPENBLAS_", "POLARS_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_", "DO_NOT_TRACK"),
)
_POLL_S = 0.01


def spawn(command: Sequence[str], *, told: Mapping[str, str], log: Path, folder: Path) -> str:
    """Start a command in a session of its own, in `folder`, with its output appended to `log`.

    Returns its handle. Its environment is `told`, with the mark that `marked` finds, and what any program needs of
    ours. No Popen object is left behind: the process is meant to outlive this one. Raises EnvironmentProblem when it
    cannot be started.
    """
    basic = {
        name: value for name, value in os.environ.items() if name in _BASIC or name.startswith(_BASIC_KINDS)
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawn(
            "/bin/sh",
            # The job's own folder may vanish under the process, so it gets one that stays.
            ["sh", "-c", 'cd -- "$1" && shift && exec "$@"', "sh", str(folder), *command],
            {**basic, **told},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
        return handle_of(pid)
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot start {Path(command[0]).name}: {error.strerror}",
            expected=f"room for one more process, and write access in {log.parent}",
        ) from error


def handle_of(pid: int) -> str:
    """Pid and start time of a process, which no later process shares; raises OSError when there is none.

    On Linux the start time is in ticks since boot: unlike `psutil.Process.create_time` it does not move when
    the clock is set, so a lane is still recognised after that.
    """
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return f"{pid}:{fields[19]}"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            raise
    try:
        return f"{pid}:{psutil.Process(pid).create_time():.2f}"
    except psutil.Error as error:
        raise ProcessLookupError(pid) from error


def find(handle: str) -> psutil.Process | None:
    """The process that a handle names, None when it ended (also when only its zombie is left)."""
    number = handle.partition(":")[0]
    pid = int(number) if number.isdecimal() else 0
    if pid == 0:  # to the system, 0 is every process of our group
        return None
    with suppress(ChildProcessError):  # it is not a child of this process, so another one reaps it
        os.waitpid(pid, os.WNOHANG)
    try:
        process = psutil.Process(pid)
        if handle_of(pid) == handle and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return process
    except (psutil.Error, OSError):
        pass
    return None


def stop(handle: str, *, within_s: float, ask: signal.Signals = signal.SIGTERM) -> None:
    """Send `ask`, after `within_s` seconds kill; returns when the process and its children are gone."""
    process = find(handle)
    if process is None:
        return
    with suppress(psutil.Error):
        children = [handle_of(child.pid) for child in process.children(recursive=True)]
        process.send_signal(ask)
        if not _gone(handle, within_s):
            process.kill()
        for left in (handle, *children):
            if not _gone(left, 0) and (child := find(left)):
                child.kill()
                _gone(left, within_s)


def _gone(handle: str, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while find(handle):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def marked(name: str) -> Iterator[tuple[str, str]]:
    """Handle and mark of every process that was started with this mark; what it started itself is left out.

    Processes of other users and of containers are left out: a path means something else there.
    """
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            mark = psutil.Process(pid).environ().get(name)
            if (
                mark is not None
                and os.getsid(pid) == pid
                and _sees_our_files(pid)
                and find(handle := handle_of(pid))
            ):
                yield handle, mark


def _sees_our_files(pid: int) -> bool:
    if not Path("/proc/self/ns/mnt").exists():
        return True
    return Path(f"/proc/{pid}/ns/mnt").stat().st_ino == Path("/proc/self/ns/mnt").stat().st_ino


def tail(log: Path, *, lines: int) -> tuple[str, ...]:
    """The last lines of a file, oldest first; empty when it is not there."""
    with suppress(OSError), log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 64_000))
        return tuple(file.read().decode("utf-8", errors="replace").splitlines()[-lines:])
    return ()
