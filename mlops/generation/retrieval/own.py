"""Embeddings of the project's own: made by a function whose code goes with the model, as a chain's does."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from evaluation.embeddings.base import MINILM, Embedder
from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.canonical import digest_files
from mlops.generation.code import call, files_of
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.modules import modules_of
from mlops.training.entrypoint import entrypoint

SECTION = "generate.retrieval.embeddings"


@dataclass(frozen=True, eq=False)
class OwnEmbeddings:
    """What a function of the project gave, and the files that it takes to be made again.

    folder: where they lie; code: modules, named: what the policy names besides, relative to it.
    """

    embedder: Embedder
    folder: Path
    code: tuple[Path, ...]
    named: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RetrievalConfig, folder: Path) -> "OwnEmbeddings | None":
        """Import the function that the policy names and call it; None where an installed package brings it.

        Raises UserError where it is neither the project's nor installed, is not there, raises, or gives no embeddings.
        """
        if config.embeddings == MINILM or not config.weights.meaning:
            return None
        with entrypoint(config.embeddings, folder, SECTION) as function:
            module = config.embeddings.partition(":")[0]
            if module not in modules_of(folder):
                _require_installed(config.embeddings)
                return None
            from evaluation.embeddings.langchain import LangChain

            made = LangChain.of(call(function, {}, folder, SECTION), config.embeddings, SECTION)
            home = folder.resolve()
            code = sorted({path.relative_to(home) for path in modules_of(folder).values()})
        own = cls(made, folder, tuple(code), config.files)
        # Which raises for a name that is not there.
        tuple(own.files())
        return own

    @classmethod
    def load(cls, config: RetrievalConfig, folder: Path) -> "OwnEmbeddings | None":
        """Make them again from what goes with a model.

        This runs code of the model's: whoever calls it has verified the model's digest. Raises EnvironmentProblem
        where it does not run here.
        """
        try:
            return cls.build(config, folder)
        except UserError as error:
            raise EnvironmentProblem(
                f"the model in {folder.parent} does not load: {error.found}",
                expected="the packages of its requirements.txt, and all that it reads under generate.retrieval.files",
                next_step="install or name them, then release again",
            ) from error

    def files(self) -> Iterator[Path]:
        """All that they are made of, relative to the folder. Raises UserError for a name that is no file or folder."""
        return files_of(self.folder, self.code, self.named, "generate.retrieval.files")

    @property
    def digest(self) -> str:
        """SHA-256 over what they are made of."""
        return digest_files(self.folder, self.files())


def _require_installed(name: str) -> None:
    """Of what only this machine happens to find, nobody else could tell what it is."""
    if name.partition(".")[0].partition(":")[0] in packages_distributions():
        return
    raise UserError(
        f"{SECTION}: {name} lies neither in the project's folder nor in an installed package",
        expected="a module beside weighbridge.yaml, whose code goes with the model, or a package that it can require",
        next_step="move the module there, or install its package",
    )
