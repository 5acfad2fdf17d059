"""Saving a model that writes as an MLflow model: plain files, and its prompt in the prompt registry."""

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.mlflow_store import quiet_mlflow
from mlops.packaging.load import GENERATOR
from mlops.registry.prompts import PromptVersion, register_prompt

if TYPE_CHECKING:
    import pandas as pd

_REQUIREMENTS = ("mlflow-skinny", "numpy", "polars")


def log_generator(
    generator: Generator | Chain, *, name: str, features: "pd.DataFrame", requirements: Sequence[str]
) -> str:
    """Log a generator or a chain to the active MLflow run, and say where: `models:/m-...`.

    A chain's code goes with it as files, and nothing is pickled.

    name: the model's, which its prompts bear as well. features: a few cases, whose columns give the signature: all of
    them, so that callers need not change when a prompt takes others.
    """
    mlflow = quiet_mlflow()
    prompt = _registered(mlflow, name, generator)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        data = Path(folder) / "generator"
        generator.save(data)
        inputs = mlflow.models.infer_signature(features).inputs
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module=GENERATOR,
            data_path=str(data),
            signature=mlflow.models.ModelSignature(
                inputs=inputs, outputs=mlflow.types.Schema([mlflow.types.ColSpec("string")])
            ),
            pip_requirements=[f"{each}=={version(each)}" for each in _REQUIREMENTS] + list(requirements),
            code_paths=_code(generator, Path(folder) / "code"),
            prompts=None if prompt is None else [prompt.uri],
            metadata={} if prompt is None else {"prompt": prompt.to_json()},
        )
    return str(logged.model_uri)


def _registered(mlflow: Any, name: str, generator: Generator | Chain) -> PromptVersion | None:
    """The version of its prompt in the registry; a chain's prompts are in its code."""
    if isinstance(generator, Chain):
        return None
    prompt = generator.prompt
    return register_prompt(mlflow, f"{name}.{prompt.name}", prompt.template, prompt.variables)


def _code(generator: Generator | Chain, folder: Path) -> list[str] | None:
    """What a chain is made of, copied so that it lies as in the project; None for a prompt."""
    if isinstance(generator, Generator):
        return None
    for path in generator.files():
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(generator.folder / path, copy)
    return sorted(map(str, folder.iterdir()))
