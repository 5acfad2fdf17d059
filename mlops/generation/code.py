"""Code of the project's that goes with a model as files: calling its function, and listing what it is made of."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.errors import UserError
from mlops.training.entrypoint import raised

# Where MLflow puts a model's code, beside the folder of its data.
CODE = "code"


def call(function: Callable[..., Any], params: Mapping[str, Any], folder: Path, section: str) -> Any:
    """Call the project's function; one that takes `project_dir` is told where its files lie.

    section: where weighbridge.yaml names it. Raises UserError where it cannot be called so, and where it raises.
    """
    given = dict(params)
    signature = inspect.signature(function)
    if "project_dir" in signature.parameters:
        given["project_dir"] = folder
    try:
        signature.bind(**given)
    except TypeError as error:
        raise UserError(
            f"{section}: the function cannot be called: {error}",
            expected="a function that takes what weighbridge.yaml gives it, and nothing more",
            next_step=f"correct {section} in weighbridge.yaml or the function",
        ) from None
    try:
        return function(**given)
    except Exception as error:
        raise raised(error, folder, section) from error


def files_of(folder: Path, modules: Iterable[Path], named: Iterable[str], section: str) -> Iterator[Path]:
    """Modules, and the files and folders that the policy names, relative to the folder.

    Raises UserError for a name that is no file or folder.
    """
    yield from modules
    for name in named:
        root = folder / name
        if not root.exists():
            raise UserError(
                f"{section} names '{name}', which is not there",
                expected="files and folders beside weighbridge.yaml",
                next_step=f"correct {section} in weighbridge.yaml",
            )
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(folder)
