"""Where MLflow keeps runs and versions: the embedded SQLite store, or the server that MLFLOW_TRACKING_URI names."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from evaluation.errors import EnvironmentProblem, UserError

_TRACKING = "MLFLOW_TRACKING_URI"


def quiet_mlflow() -> ModuleType:
    """Import MLflow without telemetry, without pickle, and without its progress output.

    A variable that the user set is left alone, except for pickle, which nothing here needs.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        import mlflow.pyfunc

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return cast("ModuleType", mlflow)


def tracking_uri(home: Path) -> str:
    """The store in use: what MLFLOW_TRACKING_URI says, else SQLite inside the home folder."""
    return os.environ.get(_TRACKING) or f"sqlite:///{home / 'mlflow.db'}"


def is_embedded(home: Path) -> bool:
    """Whether runs and versions live in the home folder."""
    return tracking_uri(home).endswith(f"{home / 'mlflow.db'}")


def point_at(mlflow: Any, uri: str) -> None:
    """Make a store the one that MLflow's functions use in this process.

    MLflow also writes it into MLFLOW_TRACKING_URI, where it would look like the user's wish for every other project;
    the variable is put back.
    """
    before = os.environ.get(_TRACKING)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    if before is None:
        os.environ.pop(_TRACKING, None)
    else:
        os.environ[_TRACKING] = before


def open_store(mlflow: Any, uri: str, model: str, artifacts: Path) -> Any:
    """Point MLflow at a store and make sure it answers.

    Raises EnvironmentProblem when the store is locked, unreachable or refuses the credentials.
    """
    with store_errors(uri):
        point_at(mlflow, uri)
        if mlflow.get_experiment_by_name(model) is None:
            place = artifacts.as_uri() if uri.startswith("sqlite:") else None
            mlflow.create_experiment(model, artifact_location=place)
    return mlflow


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises about its store into one message; credentials in the address are left out."""
    try:
        yield
    except (UserError, EnvironmentProblem):
        raise
    except Exception as error:
        name = type(error).__name__
        if name not in {
            "MlflowException",
            "RestException",
            "OperationalError",
            "ConnectionError",
            "DatabaseError",
        }:
            raise
        text = str(error).splitlines()[0][:300].replace(uri, "the store")
        locked = "locked" in text
        raise EnvironmentProblem(
            f"the MLflow store {_without_password(uri)} {'is locked' if locked else 'does not answer'}: {text}",
            expected="a store that this machine can write to",
            next_step="wait for the other process to end, then run the same command again"
            if locked
            else "check MLFLOW_TRACKING_URI and its credentials, then run the same command again",
        ) from None


def _without_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
