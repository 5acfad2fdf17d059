"""Where MLflow keeps runs and versions: the embedded SQLite store, or the server that MLFLOW_TRACKING_URI names."""

import logging
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, cast

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
