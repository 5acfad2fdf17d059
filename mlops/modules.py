"""Importing code that belongs to one folder, and forgetting it, so that two projects or models never mix."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def forgotten(folder: Path) -> Iterator[None]:
    """Forget, when the block ends, the modules that it imported from a folder and what it added to sys.path.

    Objects that were made keep working; another folder may have modules of the same name.
    """
    modules, path = set(sys.modules), list(sys.path)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().is_relative_to(folder.resolve()):
                del sys.modules[name]
