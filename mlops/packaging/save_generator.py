"""Saving a model that writes as an MLflow model: plain files, and its prompt in the prompt registry."""

import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.generation.generator import Generator
from mlops.mlflow_store import quiet_mlflow
from mlops.packaging.load import GENERATOR
from mlops.registry.prompts import register_prompt

if TYPE_CHECKING:
    import pandas as pd

_REQUIREMENTS = ("mlflow-skinny", "numpy", "polars")


def log_generator(
    generator: Generator, *, name: str, features: "pd.DataFrame", requirements: Sequence[str]
) -> str:
    """Log a generator to the active MLflow run, and say where: `models:/m-...`.

    name: the model's, which its prompts bear as well. features: a few cases, whose columns give the signature: all of
    them, so that callers need not change when a prompt takes others.
    """
    mlflow = quiet_mlflow()
    prompt = register_prompt(
        mlflow, f"{name}.{generator.prompt.name}", generator.prompt.template, generator.prompt.variables
    )
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
            prompts=[prompt.uri],
            metadata={"prompt": prompt.to_json()},
        )
    return str(logged.model_uri)
