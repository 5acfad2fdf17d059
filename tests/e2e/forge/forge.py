"""A forge for tests: repositories that run their workflows when they are pushed to, all below one folder.

What GitHub does and act does not is done here, and nowhere else: `uses: $/path` is resolved to the repository and
commit of the file that says it, pushes of one repository wait for one another, and the `actions/*` that the workflows
use come from the stand-ins beside this file; act itself does the checkout.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
_USES = re.compile(r"^(\s*(?:- )?uses: )\$/(\S+)", re.MULTILINE)
_PINNED = re.compile(r"uses: (actions/[\w-]+)@([0-9a-f]{40})")


@dataclass
class Job:
    """One job of a run; result is None when it did not run."""

    result: str | None = None
    steps: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    log: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """What one push set off."""

    folder: Path
    code: int
    jobs: dict[str, Job]
    errors: str

    @property
    def results(self) -> dict[str, str | None]:
        """Job name to its result."""
        return {name: job.result for name, job in self.jobs.items()}

    @property
    def artifacts(self) -> list[str]:
        """Names of what was kept with the run."""
        return sorted(path.stem for path in (self.folder / "artifacts").glob("*.zip"))

    def text(self) -> str:
        """Everything that was printed, for a failing test to show."""
        lines = [f"[{name}] {line}" for name, job in self.jobs.items() for line in job.log]
        return "\n".join([*lines[-120:], self.errors[-2000:]])


class Forge:
    """Repositories below a folder, and the runs that their pushes set off."""

    def __init__(
        self,
        folder: Path,
        *,
        act: Path,
        python: Path,
        labels: tuple[str, ...] = ("ubuntu-latest",),
        environments: Path | None = None,
    ) -> None:
        self.folder = folder
        self._act = act
        self._python = python
        self._labels = labels
        self._environments = environments
        self._actions: dict[str, str] = {}
        folder.mkdir(parents=True)

    def publish(self, repository: str, ref: str, source: Path) -> Path:
        """Make a folder's actions and workflows callable as `repository/...@ref`; returns the copy that act reads."""
        place = self.folder / "published" / repository / ref
        shutil.copytree(source, place)
        for file in sorted((place / ".github").rglob("*.yml")):
            text = file.read_text()
            file.write_text(_USES.sub(rf"\1{repository}/\2@{ref}", text))
            for name, sha in _PINNED.findall(text):
                self._actions[f"{name}@{sha}"] = str(HERE / "actions" / name.removeprefix("actions/"))
        self._actions[f"{repository}@{ref}"] = str(place)
        return place

    def create(
        self, repository: str, *, secrets: dict[str, str] | None = None, workflows: Path | None = None
    ) -> Path:
        """An empty bare repository with the hook; `workflows` names files that act reads instead of the pushed ones."""
        bare = self.folder / f"{repository}.git"
        git("init", "--quiet", "--bare", "--initial-branch=main", bare)
        secret_file = bare / "secrets.env"
        secret_file.write_text("".join(f'{name}="{value}"\n' for name, value in (secrets or {}).items()))
        settings = {
            "repository": repository,
            "bare": str(bare),
            "runs": str(bare / "runs"),
            "act": str(self._act),
            "labels": self._labels,
            "actions": self._actions,
            "secrets": str(secret_file),
            "workflows": None if workflows is None else str(workflows),
            "environment": self._environment(),
        }
        (bare / "forge.json").write_text(json.dumps(settings))
        hook = bare / "hooks" / "post-receive"
        hook.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "receive.py"}" "{bare / "forge.json"}"\n'
        )
        hook.chmod(0o755)
        return bare

    def push(self, clone: Path) -> Run:
        """Push a clone's main and return the run that it set off."""
        git("-C", clone, "push", "--quiet", "origin", "HEAD:main")
        bare = Path(git("-C", clone, "remote", "get-url", "origin"))
        runs = sorted(
            (path for path in (bare / "runs").iterdir() if path.is_dir()), key=lambda path: int(path.name)
        )
        return read_run(runs[-1])

    def _environment(self) -> dict[str, str]:
        """What a fresh runner has: no activated environment, a home of its own, the registries' settings."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "UV_", "SSL_", "LC_", "LANG")) or name.endswith("_CA_BUNDLE")
        }
        own = {"HOME": str(home), "PATH": runner_path(), "FORGE_PYTHON": str(self._python)}
        if self._environments is not None:
            own["FORGE_ENVIRONMENTS"] = str(self._environments)
        # What was downloaded once is not downloaded again for every run.
        return {"UV_CACHE_DIR": str(cache("uv")), "PIP_CACHE_DIR": str(cache("pip")), **kept, **own}


def runner_path() -> str:
    """PATH without the environment that runs this test."""
    here = Path(sys.prefix) / "bin"
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != here)


def cache(tool: str) -> Path:
    """Where a tool of this machine's user keeps its downloads, unless its own variable says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / tool


def git(*arguments: str | Path) -> str:
    """Run git and return what it printed."""
    identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit_all(clone: Path, message: str) -> str:
    """Commit everything in a clone; returns the commit."""
    git("-C", clone, "add", "--all")
    git("-C", clone, "commit", "--quiet", "--message", message)
    return git("-C", clone, "rev-parse", "HEAD")


def tracked_copy(target: Path) -> Path:
    """This project's working tree without what git ignores."""
    names = git("-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def read_run(folder: Path) -> Run:
    """Read act's log; a job that act never mentions was not run."""
    jobs: dict[str, Job] = {}
    for line in (folder / "log.jsonl").read_text().splitlines():
        event = json.loads(line)
        name = event.get("job", "").rpartition("/")[2].strip()
        if not name:
            continue
        if event.get("matrix"):
            # act numbers the legs of a matrix; GitHub names them by their values alone.
            name = re.sub(r"-\d+$", "", name)
        job = jobs.setdefault(name, Job())
        _take(job, event)
    return Run(folder, int((folder / "code").read_text()), jobs, (folder / "errors.txt").read_text())


def _take(job: Job, event: dict) -> None:
    message = event.get("msg", "").rstrip("\n")
    if event.get("command") == "summary":
        job.summary += html.unescape(event.get("content", ""))
    if "stepResult" in event and event.get("stage") == "Main":
        job.steps[event["step"]] = event["stepResult"]
    if "jobResult" in event:
        job.result = event["jobResult"]
    if message:
        job.log.append(message)
