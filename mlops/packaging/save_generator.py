"""Saving a model that writes as an MLflow model: plain files, and its prompts in the prompt registry."""

import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.mlflow_store import quiet_mlflow
from mlops.packaging.load import GENERATOR
from mlops.packaging.needed import needed, own_code
from mlops.registry.prompts import PromptVersion, register_prompt

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def log_generator(
    generator: Generator | Chain, *, name: str, features: "pd.DataFrame", requirements: Sequence[str]
) -> str:
    """Log a generator or a chain to the active MLflow run, and say where: `models:/m-...`.

    Code of the project's goes with it as files, and nothing is pickled.

    name: the model's, which its prompts bear as well. features: a few cases, whose columns give the signature: all of
    them, so that callers need not change when a prompt takes others.
    """
    mlflow = quiet_mlflow()
    prompts, packages = _registered(mlflow, name, generator), needed(generator)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        # It would be asked, which costs something.
        warnings.filterwarnings("ignore", message=".*An input example was not provided")
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
            pip_requirements=_joined(packages.requirements, requirements),
            code_paths=_code(generator, Path(folder) / "code"),
            prompts=[prompt.uri for prompt in prompts] or None,
            metadata={
                "carried": list(packages.carried),
                "prompts": [prompt.to_json() for prompt in prompts],
            },
        )
    return str(logged.model_uri)


def _joined(found: Sequence[str], given: Sequence[str]) -> list[str]:
    """What was found to be needed, but for packages that the policy names itself, and those.

    >>> _joined(["numpy==2.4.6", "polars==2.1.0"], ["NumPy>=2", "my-tools==1"])
    ['polars==2.1.0', 'NumPy>=2', 'my-tools==1']
    """
    named = {_package(each) for each in given}
    return [*(each for each in found if _package(each) not in named), *given]


def _package(requirement: str) -> str:
    found = _NAME.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement


def _registered(mlflow: Any, name: str, generator: Generator | Chain) -> list[PromptVersion]:
    """The versions of its prompts in the registry: of a chain those that the policy names, others are in its code."""
    prompts = generator.prompts if isinstance(generator, Chain) else (generator.prompt,)
    return [
        register_prompt(mlflow, f"{name}.{prompt.name}", prompt.template, prompt.variables)
        for prompt in prompts
    ]


def _code(generator: Generator | Chain, folder: Path) -> list[str] | None:
    """What code of the project's is made of, copied so that it lies as there; None where there is none."""
    if (source := own_code(generator)) is None:
        return None
    for path in source.files():
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.folder / path, copy)
    return sorted(map(str, folder.iterdir()))
