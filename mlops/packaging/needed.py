"""What a model that writes imports in order to answer: found in the code that answers, not kept as a list."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import distribution, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from evaluation.embeddings.base import MINILM
from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.generation.retrieval.own import OwnEmbeddings
from mlops.packaging.load import GENERATOR

_OURS = frozenset({"evaluation", "mlops", "monitoring"})
# Which load a model by MLflow, whatever it is.
_LOADS = frozenset({"mlflow-skinny", "pandas"})
# Names of constants by which a module tells of packages that it uses and does not import.
_USES, _READS = "NEEDS", "CARRIED"


@dataclass(frozen=True)
class Needed:
    """Packages as NAME==VERSION, as they are installed here.

    carried: those of which only files are read: to be installed without what they would depend on.
    """

    requirements: tuple[str, ...]
    carried: tuple[str, ...] = ()


def needed(writer: Generator | Chain) -> Needed:
    """The packages beside Weighbridge that answering by this model takes; of parts that it does not use, none."""
    modules, names = _closure(GENERATOR, without=_unused(writer))
    if (source := own_code(writer)) is not None:
        names |= {
            name for path in source.code if path.suffix == ".py" for name in _named(source.folder / path)
        }
        own = {path.parts[0].removesuffix(".py") for path in source.code}
        names = {name for name in names if name.partition(".")[0] not in own}
    elif isinstance(writer, Generator) and (config := _retrieval(writer)) and config.embeddings != MINILM:
        names.add(config.embeddings.partition(":")[0])
    found = {*_LOADS, *_distributions(names), *_told(modules, _USES)}
    return Needed(_pinned(found), _pinned(_told(modules, _READS)))


def own_code(writer: Generator | Chain) -> Chain | OwnEmbeddings | None:
    """What of it is code of the project's: the chain, or the embeddings of its index."""
    if isinstance(writer, Chain):
        return writer
    found = getattr(writer.retriever, "own", None)
    return found if isinstance(found, OwnEmbeddings) else None


def _unused(writer: Generator | Chain) -> frozenset[str]:
    """Modules of ours that this one never comes to."""
    if isinstance(writer, Chain):
        return frozenset({"mlops.generation.generator"})
    unused = {"mlops.generation.chain"}
    if not writer.endpoint.embedded:
        unused.add("evaluation.llm.embedded")
    if writer.retriever is None:
        unused.add("mlops.generation.retrieval.index")
    config = _retrieval(writer)
    if config is not None and not config.weights.meaning:
        unused |= {"evaluation.embeddings.base", "evaluation.embeddings.minilm"}
    elif config is not None:
        unused.add(f"evaluation.embeddings.{'langchain' if config.embeddings == MINILM else 'minilm'}")
    return frozenset(unused)


def _retrieval(writer: Generator) -> RetrievalConfig | None:
    found = getattr(writer.retriever, "config", None)
    return found if isinstance(found, RetrievalConfig) else None


def _closure(root: str, without: frozenset[str]) -> tuple[set[str], set[str]]:
    """Modules of ours that a module imports, by whatever way and at whatever time, and the names of others'."""
    ours, others, left = {root}, set(), [root]
    while left:
        for name in _named_in(left.pop()):
            if name.partition(".")[0] not in _OURS:
                others.add(name)
            elif name not in without and name not in ours and _file(name) is not None:
                ours.add(name)
                left.append(name)
    return ours, others


def _named_in(module: str) -> Iterable[str]:
    path = _file(module)
    return () if path is None else _named(path)


@cache
def _file(module: str) -> Path | None:
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        # A name in a module, and no module.
        return None
    return None if found is None or found.origin is None else Path(found.origin)


@cache
def _named(path: Path) -> frozenset[str]:
    """Names of modules that a file imports, and of what it imports from them, which may be modules too."""
    return frozenset(_imports(ast.parse(path.read_bytes())))


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _distributions(names: Iterable[str]) -> Iterator[str]:
    """Who brought these modules; of a name that several share, those who have the module itself."""
    known = packages_distributions()
    for name in names:
        first = name.partition(".")[0]
        several = set(known.get(first, ())) if first not in sys.stdlib_module_names else set()
        yield from several if len(several) < 2 else (each for each in several if _has(each, name))


def _has(package: str, module: str) -> bool:
    place = module.replace(".", "/")
    return any(
        path.as_posix() in {f"{place}.py", f"{place}/__init__.py"}
        for path in distribution(package).files or ()
    )


def _told(modules: Iterable[str], constant: str) -> Iterator[str]:
    for name in modules:
        path = _file(name)
        if path is not None and constant in path.read_text(encoding="utf-8"):
            yield from getattr(import_module(name), constant, ())


def _pinned(packages: Iterable[str]) -> tuple[str, ...]:
    named = {package.lower().replace("_", "-"): package for package in packages}
    return tuple(f"{name}=={version(package)}" for name, package in sorted(named.items()))
