"""Loading an MLflow model so that the gate and the server ask it in the same way."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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
_SWITCH = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"


@dataclass(frozen=True)
class InputField:
    """One column of the model's signature; dtype is MLflow's name: double, float, long, integer, string, ..."""

    name: str
    dtype: str
    required: bool


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory; satisfies evaluation.types.Predictor."""

    pyfunc: Any
    ask: Callable[[pd.DataFrame], Any]
    task: Task
    threshold: float
    inputs: tuple[InputField, ...]
    classes: tuple[Any, ...]

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order; columns that the signature does not name are left aside."""
        return self._outputs(self.pyfunc.predict(features.select(self._names).to_pandas()))

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

    def _outputs(self, said: Any) -> Outputs:
        raw = np.asarray(said)
        if self.task is Task.REGRESSION:
            return Outputs(labels=raw.astype(np.float64).reshape(-1))
        scores = raw.astype(np.float64)
        if self.task is Task.BINARY:
            positive = scores[:, 1] if scores.ndim == 2 else scores
            labels = np.asarray(self.classes)[(positive >= self.threshold).astype(int)]
            return Outputs(labels=labels, scores=positive)
        return Outputs(labels=np.asarray(self.classes)[scores.argmax(axis=1)], scores=scores)


def require_no_pickle(model_dir: Path) -> None:
    """Refuse a model whose file is not skops; loading a pickle runs whatever it holds.

    Raises UserError that names the format found.
    """
    try:
        content = yaml.safe_load((model_dir / "MLmodel").read_text(encoding="utf-8"))
        flavour = content["flavors"]["sklearn"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(
            f"{model_dir} holds no scikit-learn model of MLflow: {error.__class__.__name__}",
            expected="a model saved by `weighbridge train`",
            next_step="weighbridge release",
        ) from None
    if flavour.get("serialization_format") != "skops":
        raise UserError(
            f"the model's file is {flavour.get('serialization_format')}, which runs code when it is loaded",
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


def load_model(model_dir: Path, *, task: Task, threshold: float) -> LoadedModel:
    """Load a model that `mlops.packaging.save` wrote.

    Raises UserError for a model without a signature or classes, EnvironmentProblem when its files or packages do not
    load here.
    """
    mlflow = quiet_mlflow()
    require_no_pickle(model_dir)
    try:
        with skops_allowed(), forgotten(model_dir):
            pyfunc = mlflow.pyfunc.load_model(str(model_dir), suppress_warnings=True)
    except Exception as error:
        raise EnvironmentProblem(
            f"the model in {model_dir} does not load: {error.__class__.__name__}: {str(error)[:300]}",
            expected="the packages of its requirements.txt, in these versions",
            next_step=f"pip install -r {model_dir / 'requirements.txt'}",
        ) from error
    signature = pyfunc.metadata.signature
    if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        raise UserError(
            "the model has no signature with named columns",
            expected="a model saved by `weighbridge train`",
            next_step="weighbridge release",
        )
    inputs = tuple(
        InputField(str(column.name), column.type.name, bool(column.required))
        for column in signature.inputs.inputs
    )
    classes = tuple((pyfunc.metadata.metadata or {}).get("classes", ()))
    return LoadedModel(pyfunc, _direct(pyfunc), task, threshold, inputs, classes or (0, 1))


def _direct(pyfunc: Any) -> Callable[[pd.DataFrame], Any]:
    """The estimator's own method, which MLflow would call after checking the table."""
    method = pyfunc.metadata.flavors["python_function"].get("predict_fn", "predict")
    ask: Callable[[pd.DataFrame], Any] = getattr(pyfunc.get_raw_model(), method)
    return ask


def _column(dtype: str, values: Sequence[Any]) -> Any:
    """One column as pandas has it in the table that the model was trained on."""
    if dtype in _NUMBERS and None in values:
        return np.array(
            [math.nan if value is None else value for value in values], _FLOATS.get(dtype, np.float64)
        )
    if dtype == "boolean" and None in values:
        return np.array(values, object)
    return np.array(values, _NUMPY[dtype])
