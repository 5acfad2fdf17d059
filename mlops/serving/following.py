"""The registry behind a server that follows an alias: which version, and its bundle on this machine's disk."""

import logging
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.files import write_whole
from mlops.packaging.bundle import Bundle

if TYPE_CHECKING:
    from mlops.registry.client import Registry

_LOG = logging.getLogger("weighbridge.reload")
_KEPT = 4


@dataclass(frozen=True)
class Followed:
    """A model and one of its aliases, as `model@alias`."""

    model: str
    alias: str

    @classmethod
    def parse(cls, text: str) -> "Followed":
        """Read `model@alias`; raises UserError for anything else.

        >>> Followed.parse("lending@champion")
        Followed(model='lending', alias='champion')
        """
        model, at, alias = text.rpartition("@")
        if not (model and at and alias in {"champion", "challenger", "previous"}):
            raise UserError(
                f"'{text}' names no version to follow",
                expected="model@champion, model@challenger or model@previous",
            )
        return cls(model, alias)


class Registered:
    """The version that carries an alias, from the store that MLFLOW_TRACKING_URI names.

    folder: where its bundles are kept; the processes of a server share it.
    """

    def __init__(self, followed: Followed, store: str, folder: Path) -> None:
        self._followed = followed
        self._store = store
        self._folder = folder

    def version(self) -> str:
        """The version that has the alias now. Raises UserError where there is none."""
        from mlops.registry.client import Alias

        found = self._registry.by_alias(Alias(self._followed.alias))
        if found is None:
            raise UserError(
                f"model '{self._followed.model}' has no {self._followed.alias}",
                expected="a version with this alias in the registry",
                next_step="weighbridge release",
            )
        return found.version

    def first(self) -> Bundle:
        """The bundle to begin with; where the registry does not answer, the last one that it named, verified again.

        Raises UserError where there is no version, or one that does not hold, EnvironmentProblem without an answer.
        """
        try:
            return self.fetch(self.version())
        except EnvironmentProblem as error:
            try:
                bundle = Bundle.open(self._folder / self._last.read_text(encoding="utf-8"))
            except (OSError, UserError):
                raise error from None
            facts = {"version": bundle.version, "found": error.found}
            _LOG.warning("the registry does not answer", extra={"facts": facts})
            return bundle

    def fetch(self, version: str) -> Bundle:
        """Its bundle, from disk if it is there and verifies, else from the registry."""
        from mlops.registry.promote import fetch_bundle

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock", thread_local=False):
                bundle = fetch_bundle(self._registry, self._registry.by_version(version), self._folder)
                self._keep_newest(bundle)
                write_whole(self._last, bundle.path.name.encode())
        except OSError as error:
            raise EnvironmentProblem(
                f"no bundle can be kept on disk: {error.strerror}",
                expected="a folder with write access and free space",
                next_step="choose another --bundles",
            ) from error
        return bundle

    def _keep_newest(self, bundle: Bundle) -> None:
        """Those that go back and forth stay; older ones make room."""
        bundle.path.touch()
        found = sorted((path for path in self._folder.iterdir() if path.is_dir()), key=_touched)
        for path in found[:-_KEPT]:
            shutil.rmtree(path, ignore_errors=True)

    @property
    def _last(self) -> Path:
        return self._folder / f"{self._followed.model}@{self._followed.alias}"

    @cached_property
    def _registry(self) -> "Registry":
        from mlops.mlflow_store import point_at, quiet_mlflow, store_errors
        from mlops.registry.client import Registry

        mlflow = quiet_mlflow()
        with store_errors(self._store):
            point_at(mlflow, self._store)
            return Registry(mlflow, self._followed.model)


def _touched(path: Path) -> float:
    return path.stat().st_mtime
