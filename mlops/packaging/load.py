"""Loading an MLflow model so that the gate and the server ask it in the same way.

The server reads MLmodel and the skops file itself, as importing MLflow would be a fifth of its start.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import polars as pl
import yaml

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import Outputs, Task
from mlops.mlflow_store import quiet_mlflow
from mlops.modules import forgotten

_FLOATS: dict[str, Any] = {"double": np.float64, "float": np.float32}
_NUMBERS: dict[str, Any] = {**_FLOATS, "long": np.int64, "integer": np.int32}
_NUMPY: dict[str, Any] = {**_NUMBERS, "boolean": np.bool_, "string": object, "datetime": "datetime64[us]"}
# libyaml's, where PyYAML has it: the same, some times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The loader of models that write, as their MLmodel names it.
GENERATOR = "mlops.packaging.generator_pyfunc"
_SWITCH = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"


@dataclass(frozen=True)
class InputField:
    """One column of the model's signature; dtype is MLflow's name: double, float, long, integer, string, ..."""

    name: str
    dtype: str
    required: bool


class PackagedModel(Protocol):
    """A model in memory, of whatever kind; evaluation.types.Predictor and what the server asks."""

    @property
    def inputs(self) -> tuple[InputField, ...]:
        """The fields of the signature."""
        ...

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of the scores; none for numbers and texts."""
        ...

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order; columns that the signature does not name are left aside."""
        ...

    def predict_rows(self, rows: Sequence[tuple[Any, ...]]) -> Outputs:
        """Answer for rows that have a value of the right type for every field of the signature, in its order."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory; satisfies evaluation.types.Predictor."""

    folder: Path
    ask: Callable[[pd.DataFrame], Any]
    task: Task
    threshold: float
    inputs: tuple[InputField, ...]
    classes: tuple[Any, ...]

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order; columns that the signature does not name are left aside.

        The table goes through MLflow, which checks it as every other user of the model would have it checked.
        """
        return self._outputs(self._pyfunc.predict(features.select(self._names).to_pandas()))

    def predict_rows(self, rows: Sequence[tuple[Any, ...]]) -> Outputs:
        """Answer for rows that have a value of the right type for every field of the signature, in its order.

        The same answers as `predict`, sooner: a table is made at once as the model takes it, and what MLflow would
        check again is not checked.
        """
        columns = zip(self.inputs, zip(*rows, strict=True), strict=True)
        table = pd.DataFrame(
            {field.name: _column(field.dtype, values) for field, values in columns}, copy=False
        )
        return self._outputs(self.ask(table))

    @cached_property
    def _names(self) -> list[str]:
        return [field.name for field in self.inputs]

    @cached_property
    def _pyfunc(self) -> Any:
        mlflow = quiet_mlflow()
        with _what_does_not_load(self.folder), skops_allowed(), forgotten(self.folder):
            return mlflow.pyfunc.load_model(str(self.folder), suppress_warnings=True)

    def _outputs(self, said: Any) -> Outputs:
        return outputs_of(said, task=self.task, threshold=self.threshold, classes=self.classes)


def outputs_of(said: Any, *, task: Task, threshold: float, classes: Sequence[Any]) -> Outputs:
    """What an estimator's `predict`, or `predict_proba` where there are classes, says of n rows.

    threshold: the score from which a binary prediction is positive; classes: in the order of the probabilities.
    """
    raw = np.asarray(said)
    if task is Task.REGRESSION:
        return Outputs(labels=raw.astype(np.float64).reshape(-1))
    scores = raw.astype(np.float64)
    if task is Task.BINARY:
        positive = scores[:, 1] if scores.ndim == 2 else scores
        labels = np.asarray(classes)[(positive >= threshold).astype(int)]
        return Outputs(labels=labels, scores=positive)
    return Outputs(labels=np.asarray(classes)[scores.argmax(axis=1)], scores=scores)


def read_mlmodel(model_dir: Path) -> dict[str, Any]:
    """What MLflow says of a model; raises UserError for a folder that holds none of the kinds that are known here."""
    try:
        content: dict[str, Any] = yaml.load((model_dir / "MLmodel").read_bytes(), _Loader)  # noqa: S506 - a safe one
        if not _writes(content):
            content["flavors"]["sklearn"]
    except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UserError(
            f"{model_dir} holds no model of scikit-learn's kind, and none that writes: {error.__class__.__name__}",
            expected="a model saved by `weighbridge train`",
            next_step="weighbridge release",
        ) from None
    return content


def _writes(content: Mapping[str, Any]) -> bool:
    loader: str | None = content["flavors"]["python_function"].get("loader_module")
    return loader == GENERATOR


def require_no_pickle(content: Mapping[str, Any]) -> None:
    """Refuse a model whose file is not skops; loading a pickle runs whatever it holds.

    content: what MLmodel says. Raises UserError that names the format found.
    """
    found = content["flavors"]["sklearn"].get("serialization_format")
    if found != "skops":
        raise UserError(
            f"the model's file is {found}, which runs code when it is loaded",
            expected="skops, as `weighbridge train` writes it",
            next_step="train again: weighbridge release",
        )


@contextmanager
def skops_allowed() -> Iterator[None]:
    """MLflow guards skops by the switch for pickle, since a model names its own trusted types.

    Here the file is known to be skops, and its types were vouched for when it was saved under the digest that the
    decision record carries.
    """
    before = os.environ.get(_SWITCH)
    os.environ[_SWITCH] = "true"
    try:
        yield
    finally:
        os.environ[_SWITCH] = before or "false"


def load_model(
    model_dir: Path, *, task: Task, threshold: float, replies: Path | None = None
) -> PackagedModel:
    """Load a model that `mlops.packaging.save` wrote.

    replies: a folder for answers that cost something, so that an evaluation that was broken off goes on; models
    that cost nothing leave it alone.

    Raises UserError for a model without a signature or classes, EnvironmentProblem when its files or packages do not
    load here.
    """
    content = read_mlmodel(model_dir)
    if _writes(content):
        from mlops.packaging.load_generator import GeneratorModel

        data = model_dir / content["flavors"]["python_function"]["data"]
        return GeneratorModel.load(data, inputs_of(content), content.get("metadata") or {}, replies)
    require_no_pickle(content)
    with _what_does_not_load(model_dir), forgotten(model_dir):
        estimator = _estimator(model_dir, content)
        # What MLflow would call after checking the table.
        ask = getattr(estimator, content["flavors"]["python_function"].get("predict_fn", "predict"))
    classes = tuple((content.get("metadata") or {}).get("classes", ()))
    return LoadedModel(model_dir, ask, task, threshold, inputs_of(content), classes or (0, 1))


def _estimator(model_dir: Path, content: dict[str, Any]) -> Any:
    """The estimator as MLflow loads it: code of the project first, then the file with the types vouched for."""
    import skops.io

    flavours = content["flavors"]
    if code := flavours["python_function"].get("code"):
        sys.path.insert(0, str(model_dir / code))
    file = model_dir / flavours["python_function"]["model_path"]
    return skops.io.load(file, trusted=flavours["sklearn"].get("skops_trusted_types"))


def inputs_of(content: Mapping[str, Any]) -> tuple[InputField, ...]:
    """The columns of a model's signature; raises UserError where it has none with names."""
    columns = json.loads((content.get("signature") or {}).get("inputs") or "[]")
    if not columns or not all(column.get("name") for column in columns):
        raise UserError(
            "the model has no signature with named columns",
            expected="a model saved by `weighbridge train`",
            next_step="weighbridge release",
        )
    return tuple(
        InputField(str(column["name"]), str(column["type"]), bool(column.get("required", True)))
        for column in columns
    )


@contextmanager
def _what_does_not_load(model_dir: Path) -> Iterator[None]:
    """Whatever is raised by what others wrote becomes one message."""
    try:
        yield
    except Exception as error:
        raise EnvironmentProblem(
            f"the model in {model_dir} does not load: {error.__class__.__name__}: {str(error)[:300]}",
            expected="the packages of its requirements.txt, in these versions",
            next_step=f"pip install -r {model_dir / 'requirements.txt'}",
        ) from error


def _column(dtype: str, values: Sequence[Any]) -> Any:
    """One column as pandas has it in the table that the model was trained on."""
    if dtype in _NUMBERS and None in values:
        return np.array(
            [math.nan if value is None else value for value in values], _FLOATS.get(dtype, np.float64)
        )
    if dtype == "boolean" and None in values:
        return np.array(values, object)
    return np.array(values, _NUMPY[dtype])
