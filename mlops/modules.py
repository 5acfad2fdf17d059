"""Importing code that belongs to one folder, and forgetting it, so that two projects or models never mix."""

import importlib
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def forgotten(folder: Path) -> Iterator[None]:
    """Forget, when the block ends, the modules that it imported from a folder and what it added to sys.path.

    Objects that were made keep working; another folder may have modules of the same name. No byte code is written
    meanwhile: the files of a model are pinned by a digest, and one more would break it.
    """
    modules, path, silent = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = silent
        sys.path[:] = path
        for name in modules_of(folder, but=modules):
            del sys.modules[name]


def modules_of(folder: Path, *, but: Container[str] = ()) -> dict[str, Path]:
    """The files of modules that were imported from a folder, by name; what is installed inside it is left aside.

    but: names that are not looked at; to look at all that a server has imported takes a tenth of a second.
    """
    home, found = folder.resolve(), {}
    for name, module in list(sys.modules.items()):
        if name in but:
            continue
        path = Path(getattr(module, "__file__", None) or "/").resolve()
        if path.is_relative_to(home) and "site-packages" not in path.relative_to(home).parts:
            found[name] = path
    return found
