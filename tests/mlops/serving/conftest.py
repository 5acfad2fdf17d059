"""A real bundle: a small scikit-learn model, saved by MLflow, with a passing decision record."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import anyio.from_thread
import httpx
import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.types import Outputs
from mlops.decision.canonical import digest_file
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.packaging.bundle import Bundle, model_digest
from mlops.packaging.load import InputField, load_model
from mlops.packaging.ranges import Ranges
from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.settings import Settings
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog

RELEASE = "20260301-120000-1a2b3c4d"
EXAMPLE = Path(__file__).parents[3] / "docs" / "decision-record.example.json"


def training_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 200
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "sepal length (cm)": rng.normal(5, 1, rows),
            "income": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(3000, 500, rows)),
            "job": rng.choice(["none", "skilled", "other"], rows),
        }
    )


def save_model(folder: Path) -> None:
    import mlflow
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    features = training_rows()
    target = (features["age"] + 10 * (features["job"] == "none") > 50).astype(int)
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((encode, ["job"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
    ).fit(features, target)
    with warnings.catch_warnings():
        # MLflow warns of whole numbers in a signature; that they are served strictly is what is tested.
        warnings.simplefilter("ignore")
        import skops.io

        mlflow.sklearn.save_model(
            model,
            str(folder),
            signature=mlflow.models.infer_signature(features, model.predict_proba(features)),
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
            pyfunc_predict_fn="predict_proba",
            metadata={"classes": [0, 1]},
        )


def decision(model_dir: Path, *evidence: Path) -> SignedRecord:
    """The published example of a record, about this model."""
    content = json.loads(EXAMPLE.read_text())
    content["release"] |= {"id": RELEASE, "model": "lending"}
    content["training"]["model_digest"] = model_digest(model_dir)
    content["evidence"] = {path.name: digest_file(path) for path in evidence}
    return SignedRecord.sign(DecisionRecord.of(content), make_own_key())


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Bundle:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    folder = tmp_path_factory.mktemp("bundle")
    save_model(folder / "trained")
    known = pl.from_pandas(training_rows().assign(income=lambda rows: rows["income"].fillna(3000)))
    known.select(pl.all().name.prefix("input.")).write_parquet(folder / "reference.parquet")
    (folder / "ranges.json").write_bytes(Ranges.of(known.iter_columns()).to_json())
    return Bundle.make(
        folder / "lending-3",
        model_dir=folder / "trained",
        signed=decision(folder / "trained", folder / "reference.parquet", folder / "ranges.json"),
        reference=folder / "reference.parquet",
        ranges=folder / "ranges.json",
        version="3",
    )


@pytest.fixture
def good() -> dict[str, object]:
    """A record that the model's signature takes."""
    return {"age": 30, "sepal length (cm)": 5.1, "income": 2500.0, "job": "none"}


@pytest.fixture(scope="session")
def model(bundle):
    return load_model(bundle.model_dir, task=bundle.task, threshold=bundle.threshold)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(log_dir=tmp_path / "log", serve=ServeConfig(max_records=50, max_body_kb=64))


class FakeModel:
    """Answers 1 with score 0.75 for every row, or whatever it is told."""

    inputs = (InputField("age", "long", True), InputField("job", "string", False))

    def __init__(self, classes=(0, 1), outputs=None, error=None):
        self.classes = classes
        self.outputs = outputs
        self.error = error
        self.seen = []

    def predict_rows(self, rows):
        self.seen.append(list(rows))
        if self.error is not None:
            raise self.error
        if self.outputs is not None:
            return self.outputs
        return Outputs(labels=np.ones(len(rows), dtype=int), scores=np.full(len(rows), 0.75))


class MemoryLog:
    """A store in memory that can be made to fail or to wait."""

    def __init__(self):
        self.records: list[RequestRecord] = []
        self.labels: list[LabelRecord] = []
        self.batches: list[int] = []
        self.errors: list[Exception] = []
        self.open = threading.Event()
        self.open.set()

    def append(self, records, *, mark=None):
        self.open.wait(30)
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(len(records))
        self.records.extend(records)

    def append_labels(self, labels, *, mark=None):
        self.open.wait(30)
        if self.errors:
            raise self.errors.pop(0)
        self.labels.extend(labels)

    def read(self, **_):
        pytest.fail("the server writes the request log and never reads it")


@pytest.fixture
def fake_model():
    return FakeModel


@pytest.fixture
def memory_log() -> MemoryLog:
    return MemoryLog()


class Client:
    """Calls an application in process, with its lifespan, from ordinary tests."""

    def __init__(self, app):
        self.app = app
        self._open = contextlib.ExitStack()

    def __enter__(self):
        self._portal = self._open.enter_context(anyio.from_thread.start_blocking_portal())
        wrap = self._portal.wrap_async_context_manager
        self._open.enter_context(wrap(self.app.router.lifespan_context(self.app)))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._http = self._open.enter_context(
            wrap(httpx.AsyncClient(transport=transport, base_url="http://lane"))
        )
        return self

    def __exit__(self, *error):
        return self._open.__exit__(*error)

    def request(self, method, path, **options):
        return self._portal.call(functools.partial(self._http.request, method, path, **options))

    def call(self, function, *arguments):
        """Call something on the event loop."""
        return self._portal.call(function, *arguments)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def post_json(self, body, path="/v1/predict", **headers):
        """Post bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(path, content=content, headers={"content-type": "application/json", **headers})

    def metric(self, name, **labels):
        """A metric's value in the exposition, None where there is no such line."""
        for line in self.get("/metrics").text.splitlines():
            head, _, number = line.rpartition(" ")
            if head.partition("{")[0] == name and all(
                f'{key}="{text}"' in head for key, text in labels.items()
            ):
                return float(number)
        return None


@pytest.fixture(scope="session")
def open_client():
    return Client


@pytest.fixture
def client(bundle, model, settings, open_client):
    """A client of an application over the real bundle and a real store."""
    with open_client(create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings)) as client:
        yield client


POLL_S = 0.05


class Process:
    """`python -m mlops.serving` on a free port, its output in a file."""

    def __init__(self, folder, *options, **environment):
        self.log_dir = folder / "log"
        self.output = folder / "output"
        command = [
            sys.executable,
            "-P",
            "-m",
            "mlops.serving",
            "--port",
            "0",
            "--log-dir",
            str(self.log_dir),
        ]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        self.port = self._until(self._bound_port)
        self.url = f"{'https' if '--certificate' in options else 'http'}://127.0.0.1:{self.port}"
        self._until(self._ready)

    def _until(self, found):
        while (result := found()) is None:
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(POLL_S)
        return result

    def _bound_port(self):
        return next((line["port"] for line in self.lines() if line["event"] == "starting"), None)

    def _ready(self):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready").is_success or None

    def lines(self):
        whole = self.output.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in whole if line.endswith("\n")]

    def wait_for_line(self, **facts):
        """Wait until the server logged a line with these facts."""
        return self._until(
            lambda: next((line for line in self.lines() if facts.items() <= line.items()), None)
        )

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def server_processes(folder, *what):
    """A function that starts servers, which are killed in the end; `what` comes before the options of each."""
    with contextlib.ExitStack() as running:

        def start(*options, **environment):
            started = Process(folder, *what, *options, **environment)
            running.callback(started.process.wait)
            running.callback(started.process.kill)
            return started

        yield start


@pytest.fixture(scope="session")
def servers():
    return server_processes
