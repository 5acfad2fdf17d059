"""Finding and calling the user's training function."""

import difflib
import importlib
import inspect
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import UserError, WeighbridgeError
from mlops.modules import forgotten

if TYPE_CHECKING:
    import pandas as pd

TrainFunction = Callable[..., Any]


@contextmanager
def entrypoint(name: str, project_dir: Path, section: str = "train") -> Iterator[TrainFunction]:
    """Import `module:function` from the project; its modules are forgotten afterwards, so two projects can follow.

    section: where weighbridge.yaml names it.
    Raises UserError for a module that is missing or raises, and for a function that is missing (with the nearest name).
    """
    module_name, _, function_name = name.partition(":")
    with forgotten(project_dir):
        sys.path.insert(0, str(project_dir))
        yield _function(_module(module_name, project_dir, section), function_name, name, section)


def call(  # noqa: PLR0913 - keyword-only, one a fact
    function: TrainFunction,
    features: "pd.DataFrame",
    target: "pd.Series",
    *,
    seed: int,
    params: Mapping[str, Any],
    project_dir: Path,
) -> Any:
    """Call the training function with everything random seeded; what it raises becomes one UserError.

    A function that takes `project_dir` is told the project's folder.
    """
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    given = dict(params)
    if "project_dir" in inspect.signature(function).parameters:
        given["project_dir"] = project_dir
    try:
        inspect.signature(function).bind(features, target, seed=seed, **given)
    except TypeError as error:
        raise UserError(
            f"the training function cannot be called: {error}",
            expected="def train(features, target, *, seed, **params), with the params named in weighbridge.yaml",
            next_step="correct train.params in weighbridge.yaml or the function",
        ) from None
    try:
        model = function(features, target, seed=seed, **given)
    except WeighbridgeError:
        raise
    except Exception as error:
        raise raised(error, project_dir) from error
    if model is None:
        raise UserError(
            "the training function returned nothing", expected="a fitted model", next_step="return the model"
        )
    return model


def _module(name: str, project_dir: Path, section: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        files = sorted(path.stem for path in project_dir.glob("*.py"))
        missing = str(error.name)
        raise UserError(
            f"{section}: no module named '{missing}'"
            + ("" if missing == name else f", which {name} imports"),
            expected=f"one of {', '.join(files) or 'no .py file found'} in the project's folder, or installed",
            next_step=_suggest(missing, files, f"correct {section} in weighbridge.yaml"),
        ) from None
    except Exception as error:
        raise raised(error, project_dir, section) from error


def _function(module: Any, function_name: str, name: str, section: str) -> TrainFunction:
    function = getattr(module, function_name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    names = [
        key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")
    ]
    raise UserError(
        f"{section}: '{name}' names no function",
        expected=f"one of: {', '.join(names) or 'no function found'}",
        next_step=_suggest(function_name, names, f"correct {section} in weighbridge.yaml"),
    )


def _suggest(word: str, known: list[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise


def raised(error: BaseException, project_dir: Path, section: str = "train") -> UserError:
    """Point at the line of the user's own code that the error came through last."""
    place = place_of(error, project_dir) or "outside the project"
    return UserError(
        f"{'training' if section == 'train' else section} raised {type(error).__name__} at {place}: {str(error)[:500]}",
        expected=f"a function that returns {'a fitted model' if section == 'train' else 'what it should'}",
        next_step=f"correct {place} and run the same command again",
    )


def place_of(error: BaseException, project_dir: Path) -> str | None:
    """The line below a folder that an error came through last, as FILE:LINE; None where it came through none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(project_dir) and "site-packages" not in path.parts:
            return f"{path.relative_to(project_dir)}:{frame.lineno}"
    return None
