"""Where a model came from: commit, data, policy, packages."""

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_RECORDED = ("weighbridge", "scikit-learn", "numpy", "scipy", "pandas", "polars", "mlflow-skinny", "skops")


@dataclass(frozen=True)
class Commit:
    """The state of the repository; sha is None outside a repository, dirty means uncommitted changes."""

    sha: str | None
    branch: str | None
    dirty: bool


def current_commit(project_dir: Path) -> Commit:
    """Ask git; a detached checkout of a GitHub job names its branch by GITHUB_REF_NAME."""
    sha = _git(project_dir, "rev-parse", "HEAD")
    if sha is None:
        return Commit(None, None, dirty=False)
    branch = _git(project_dir, "symbolic-ref", "--short", "HEAD") or os.environ.get("GITHUB_REF_NAME")
    return Commit(sha, branch, dirty=bool(_git(project_dir, "status", "--porcelain", "--", ".")))


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that shape a model's numbers."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
