"""Files that packages carry: found by the package's metadata, without importing it."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from evaluation.errors import NotInstalled


def carried(package: str, file: str, *, install: str) -> Path:
    """Where a file, or a folder, of an installed package lies.

    Raises NotInstalled where the package is not installed or lacks it; `install` is the command that mends that.

    >>> carried("pip", "pip/__init__.py", install="pip install pip").name
    '__init__.py'
    """
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.exists():
        raise NotInstalled(f"the package {package} with {file} is not installed", next_step=install)
    return path
