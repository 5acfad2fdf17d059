"""Installs Weighbridge and a project's requirements into an environment below $WEIGHBRIDGE_HOME.

The environment's name is a digest of what goes into it. On a runner whose home outlives the job it is made once, and
servers that were started from it go on running after the job has ended. Runs on any Python 3.11, needs no package.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

# A runner downloads the whole repository of an action; this file is three folders below its root.
_SOURCE = Path(__file__).resolve().parents[3]
_READY = "ready"


def main(requirements: Path | None) -> None:
    """Make the environment unless it is there, and put its commands on the PATH of later steps."""
    if requirements is not None and not requirements.is_file():
        stop(
            f"no requirements file at {requirements}; the input 'requirements' is relative to the project's folder"
        )
    environments = Path(os.environ["WEIGHBRIDGE_HOME"], "environments")
    environments.mkdir(parents=True, exist_ok=True)
    # Commands of an environment begin with its path, which must hold wherever the home is mounted or linked.
    place = environments.resolve() / key(_SOURCE, requirements)
    with only_one(place.with_suffix(".lock")):
        if not (place / _READY).exists():
            install(place, requirements)
            (place / _READY).touch()
    with Path(os.environ["GITHUB_PATH"]).open("a", encoding="utf-8") as file:
        file.write(f"{place / 'bin'}\n")


def key(source: Path, requirements: Path | None) -> str:
    """16 hexadecimal digits that change with Python, with Weighbridge's files and with the requirements."""
    total = hashlib.sha256(f"{platform.python_version()} {platform.machine()}\n".encode())
    files = (
        path for path in source.rglob("*") if path.is_file() and ".git" not in path.relative_to(source).parts
    )
    for path in sorted(files):
        total.update(f"{path.relative_to(source).as_posix()} {digest(path)}\n".encode())
    if requirements is not None:
        total.update(f"requirements {digest(requirements)}\n".encode())
    return total.hexdigest()[:16]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def install(place: Path, requirements: Path | None) -> None:
    """Fill an environment; what a killed job left there goes first."""
    shutil.rmtree(place, ignore_errors=True)
    locks = _SOURCE / "requirements"
    with tempfile.TemporaryDirectory() as tools:
        pip_install = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip_install, "--require-hashes", "--requirement", locks / "uv.txt", "--target", tools)
        uv = Path(tools) / "bin" / "uv"
        run(uv, "venv", "--quiet", "--python", sys.executable, place)
        uv_install = (uv, "pip", "install", "--quiet", "--python", place / "bin" / "python")
        run(*uv_install, "--require-hashes", "--requirement", locks / "all.txt")
        if requirements is not None:
            # Weighbridge's own pins hold; a project that asks for another version is told so by the resolver.
            run(*uv_install, "--requirement", requirements, "--constraint", locks / "all.txt")
        run(*uv_install, "--no-deps", _SOURCE)


def run(*command: str | Path) -> None:
    """Run a command with its output in the job's log; its failure is the job's."""
    sys.stdout.flush()
    if subprocess.run(command, check=False).returncode != 0:
        stop(f"the installation failed at: {' '.join(str(part) for part in command[:4])} ...")


def stop(message: str) -> NoReturn:
    """End the job with an annotation, and the same line in the run's summary."""
    sys.stdout.write(f"::error::{message}\n")
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(f"❌ {message}\n")
    sys.exit(1)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock, so that two jobs on one machine do not fill one environment."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if sys.argv[1] else None)
