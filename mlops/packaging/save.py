"""Saving a trained model as an MLflow model: explicit requirements, a signature, an example, and never a pickle."""

import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import UserError
from evaluation.types import Task
from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.mlflow_store import quiet_mlflow
from mlops.packaging.save_generator import log_generator

if TYPE_CHECKING:
    import pandas as pd

_REQUIREMENTS = ("mlflow-skinny", "numpy", "pandas", "scikit-learn", "scipy", "skops")
_TRUSTED_PACKAGES = ("sklearn.", "numpy.", "scipy.", "builtins.", "collections.")


def log_model(  # noqa: PLR0913 - each is one fact about the model
    model: Any,
    *,
    name: str,
    features: "pd.DataFrame",
    task: Task,
    requirements: Sequence[str],
    trusted_types: Sequence[str],
    project_dir: Path,
) -> str:
    """Log what a training function returned to the active MLflow run, and say where: `models:/m-...`.

    name: the model's. features: a few rows of the training features; they become signature and input example.
    Raises UserError for a model that no flavour saves safely, naming the types that would have to be trusted.
    """
    if isinstance(model, Generator | Chain):
        return log_generator(model, name=name, features=features, requirements=requirements)
    mlflow = quiet_mlflow()
    require_estimator(model)
    if task is not Task.REGRESSION and not hasattr(model, "predict_proba"):
        raise UserError(
            f"{type(model).__name__} has no predict_proba",
            expected=f"a model that gives probabilities, as task '{task}' needs",
            next_step="return one from your training function (CalibratedClassifierCV wraps others)",
        )
    predict = "predict" if task is Task.REGRESSION else "predict_proba"
    example = features.head(3)
    with warnings.catch_warnings():
        # Integer columns stay integers: the server refuses a missing one by name before the model sees it.
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=types_to_trust(model, trusted_types),
            pyfunc_predict_fn=predict,
            signature=mlflow.models.infer_signature(
                _plain_strings(features), getattr(model, predict)(example)
            ),
            input_example=example,
            pip_requirements=pinned_requirements(requirements),
            code_paths=_code_of(trusted_types, project_dir) or None,
            metadata={"classes": classes_of(model, task)},
        )
    return str(logged.model_uri)


def require_estimator(model: Any) -> None:
    """Refuse what skops cannot save without a pickle inside: anything but an estimator of scikit-learn's kind."""
    from sklearn.base import BaseEstimator

    if not isinstance(model, BaseEstimator):
        raise UserError(
            f"the training function returned {type(model).__module__}.{type(model).__qualname__}",
            expected="a fitted estimator of scikit-learn's kind (LightGBM's and XGBoost's classes are, too), or a "
            "Generator",
            next_step="return the estimator, or wrap the model in one",
        )


def classes_of(model: Any, task: Task) -> list[Any]:
    """The classes in the order of the model's probabilities; empty for regression."""
    if task is Task.REGRESSION:
        return []
    return [item.item() if hasattr(item, "item") else item for item in model.classes_]


def pinned_requirements(extra: Sequence[str]) -> list[str]:
    """Name exactly what is installed now; inference in a subprocess would take MLflow 14 to 70 s."""
    return [f"{name}=={version(name)}" for name in _REQUIREMENTS] + list(extra)


def _vouched(name: str, named: Sequence[str]) -> bool:
    return name.startswith(_TRUSTED_PACKAGES) or name in named


def types_to_trust(model: Any, named: Sequence[str]) -> list[str]:
    """The types that the model's file may hold beyond what skops knows.

    Types of scikit-learn, NumPy and SciPy are taken: the file is pinned by its digest in the decision record before
    anything loads it. Any other type must be named by the user.
    """
    import skops.io

    found = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    unnamed = [name for name in found if not _vouched(name, named)]
    if unnamed:
        raise UserError(
            f"the model holds types that nobody vouched for: {', '.join(unnamed)}",
            expected="types of scikit-learn, NumPy and SciPy, or those named in the policy",
            next_step=f"add to weighbridge.yaml: train: {{trusted_types: [{', '.join(unnamed)}]}}",
        )
    return list(found)


def _plain_strings(features: "pd.DataFrame") -> "pd.DataFrame":
    """Let MLflow see categories as the strings that a request will carry."""
    texts = features.select_dtypes(["string", "category"]).columns
    return features.astype(dict.fromkeys(texts, object))


def _code_of(trusted_types: Sequence[str], project_dir: Path) -> list[str]:
    """Source files of trusted types that live in the project; the server needs them to load the model."""
    files = set()
    for name in trusted_types:
        module = sys.modules.get(name.rpartition(".")[0])
        file = Path(getattr(module, "__file__", None) or "/")
        if file.is_relative_to(project_dir):
            files.add(str(file))
    return sorted(files)
