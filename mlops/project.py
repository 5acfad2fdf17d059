"""One project: its folder, its policy, its home, its store. Everything that acts gets its parts from here."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.text.config import TextConfig
from mlops.config import FILE_NAME, Policy, load_policy
from mlops.mlflow_store import open_store, quiet_mlflow, tracking_uri

if TYPE_CHECKING:
    from mlops.data.load import Dataset
    from mlops.registry.client import Registry
    from mlops.rollout.controller import Rollout
    from monitoring.store.delta import DeltaRequestLog

_SOURCES = frozenset({".py", ".yaml", ".yml", ".toml", ".txt", ".sql"})


@dataclass(frozen=True)
class Project:
    """A folder with a weighbridge.yaml.

    `home` is where releases, stores and logs live: $WEIGHBRIDGE_HOME, else `.weighbridge` beside the policy.
    """

    folder: Path
    policy: Policy
    home: Path

    @classmethod
    def open(cls, folder: Path) -> "Project":
        """Read the policy of a folder; raises UserError when there is none or it is wrong."""
        folder = folder.resolve()
        policy = load_policy(folder / FILE_NAME)
        return cls(folder, policy, home_of(folder))

    @property
    def texts(self) -> TextConfig:
        """What measuring texts must be told, its files where they lie."""
        return self.policy.texts.within(self.folder)

    @cached_property
    def dataset(self) -> "Dataset":
        """Train and holdout tables with their fingerprints, read once."""
        from mlops.data.load import load

        return load(self.folder, self.policy.data)

    @cached_property
    def registry(self) -> "Registry":
        """The model registry."""
        from mlops.registry.client import Registry

        return Registry(self.mlflow(), self.policy.model)

    @cached_property
    def request_log(self) -> "DeltaRequestLog":
        """What was served, and the labels that came."""
        from monitoring.store.delta import DeltaRequestLog

        log = self.policy.serve.log
        return DeltaRequestLog(log.at or self.log_dir, keep=log.keep)

    @property
    def log_dir(self) -> Path:
        """Where the servers keep the request log: its tables, if `serve.log.at` names no other place, and journals."""
        return self.home / "log"

    def rollout(self, target: str | None = None) -> "Rollout":
        """The controller of this home's router and lanes."""
        from mlops.rollout.controller import Rollout
        from mlops.rollout.targets.build import build_target

        settings = self.policy.rollout.model_copy(update={"target": target} if target else {})
        serve = self.policy.served
        return Rollout(self.home, serve, settings, build_target(settings, serve, self.home))

    def mlflow(self) -> Any:
        """MLflow, pointed at this project's store; the embedded store keeps its files in the home folder."""
        self.prepare_home()
        return open_store(quiet_mlflow(), tracking_uri(self.home), self.policy.model, self.home / "artifacts")

    def prepare_home(self) -> None:
        """Make the home folder; git is told to leave it alone."""
        self.home.mkdir(parents=True, exist_ok=True)
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def source_digest(self, suffixes: frozenset[str] = _SOURCES) -> str:
        """SHA-256 over the project's code and configuration, so that an edited file starts a new release."""
        total = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder)
            if (
                path.suffix in suffixes
                and path.is_file()
                and not any(part.startswith(".") for part in inside.parts)
            ):
                total.update(_line(inside.as_posix(), path))
        return total.hexdigest()

    @property
    def files_digest(self) -> str:
        """SHA-256 over what else a model that writes is made of, such as documents; what is absent does not count."""
        total = hashlib.sha256()
        for name in self.policy.files:
            root = self.folder / name
            for path in [root] if root.is_file() else sorted(root.rglob("*")):
                if path.is_file():
                    # By the policy's name for it: it may lie elsewhere.
                    total.update(_line((Path(name) / path.relative_to(root)).as_posix(), path))
        return total.hexdigest()


def home_of(folder: Path) -> Path:
    """Where a project's releases, stores and logs live."""
    return Path(os.environ.get("WEIGHBRIDGE_HOME") or folder / ".weighbridge").resolve()


def _line(name: str, path: Path) -> bytes:
    with path.open("rb") as file:
        return f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
