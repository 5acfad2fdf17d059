"""A small bundle that passed, and images of it; where there is no engine, the tests say what is missing."""

import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem
from evaluation.llm.config import EndpointConfig
from evaluation.types import Task
from mlops.decision.canonical import digest_file
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.generation.config import SamplingConfig
from mlops.generation.generator import Generator
from mlops.generation.prompt import Prompt
from mlops.mlflow_store import open_store, quiet_mlflow
from mlops.packaging.bundle import Bundle, model_digest
from mlops.packaging.docker_cli import DockerClient
from mlops.packaging.image import BuildOptions, Image, build_image
from mlops.packaging.ranges import Ranges
from mlops.packaging.save import log_model
from mlops.packaging.wheel import write_wheel

EXAMPLE = Path(__file__).parents[2] / "docs" / "decision-record.example.json"
LOCAL_BASE = "local/python:3.11-slim"
SETUP = "run .ci/docker.sh as root"
# Stands for a password in a pip.conf; no image may hold it anywhere.
SECRET = "weighbridge-test-secret-8c1f"
FEATURES = {"amount": [0.1, 0.9, 0.4, 0.7] * 10, "sex": ["f", "m", "m", "f"] * 10}


@pytest.fixture(scope="session")
def engine() -> DockerClient:
    """A client whose engine answers and has the base image."""
    try:
        client = DockerClient.for_builds()
        client.require_engine()
    except EnvironmentProblem as problem:
        pytest.skip(f"{problem.found}; {SETUP}")
    if "WEIGHBRIDGE_TEST_BASE" not in os.environ and not client.answers("image", "inspect", LOCAL_BASE):
        pytest.skip(f"no image {LOCAL_BASE}; {SETUP}")
    return client


@pytest.fixture(scope="session")
def registry() -> str:
    """The registry that .ci/docker.sh starts on loopback."""
    address = os.environ.get("WEIGHBRIDGE_TEST_REGISTRY", "127.0.0.1:5005")
    try:
        status = get(address, "/v2/")[0]
    except OSError:
        status = 0
    if status != 200:
        pytest.skip(f"no registry on {address}; {SETUP}")
    return address


@pytest.fixture(scope="session")
def pip_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This machine's way to its package index, with a secret in it."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    path = tmp_path_factory.mktemp("pip") / "pip.conf"
    indexes = re.findall(r"^\S+\.((?:extra-)?index-url)='(https?://.*)'$", listed, re.MULTILINE)
    lines = ["[global]", f"# {SECRET}", *(f"{name} = {value}" for name, value in indexes)]
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.fixture(scope="session")
def options(pip_config: Path) -> BuildOptions:
    """Both bases replaced by one that is on this machine."""
    base = os.environ.get("WEIGHBRIDGE_TEST_BASE", LOCAL_BASE)
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return BuildOptions(
        base, base, pip_config=pip_config, certificates=Path(certificates) if certificates else None
    )


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """What `weighbridge register` would hand to a lane: a real model with a decision that passed."""
    features, model = small_model()
    return registered(tmp_path_factory.mktemp("home"), model, features, Task.BINARY)


@pytest.fixture(scope="session")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same of a prompt over the embedded language model."""
    prompt = Prompt("Describe {title} in one sentence.", "facts")
    model = Generator(prompt, EndpointConfig(concurrency=1, context=512), SamplingConfig(max_tokens=12))
    features = pd.DataFrame({"title": ["a red mug", "a blue bowl"]})
    return registered(tmp_path_factory.mktemp("texts"), model, features, Task.GENERATION)


def registered(home: Path, model: Any, features: pd.DataFrame, task: Task) -> Bundle:
    """A model with a decision that passed."""
    mlflow = open_store(quiet_mlflow(), f"sqlite:///{home / 'mlflow.db'}", "small", home / "artifacts")
    mlflow.set_experiment("small")
    with mlflow.start_run():
        uri = log_model(
            model,
            name="small",
            features=features,
            task=task,
            requirements=[],
            trusted_types=[],
            project_dir=home,
        )
    model_dir = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(home / "model")))
    reference = home / "reference.parquet"
    inputs = pl.from_pandas(features.head(1)).select(pl.all().name.prefix("input."))
    inputs.with_columns(prediction=pl.lit(0)).write_parquet(reference)
    content = json.loads(EXAMPLE.read_text())
    content["release"] |= {
        "id": "20261121-230512-1a2b3c4d",
        "model": "small",
        "task": task.value,
        "commit": "0123456789abcdef0123456789abcdef01234567",
    }
    content["training"]["model_digest"] = model_digest(model_dir)
    ranges = home / "ranges.json"
    ranges.write_bytes(Ranges.of(pl.from_pandas(features).iter_columns()).to_json())
    content["evidence"] = {path.name: digest_file(path) for path in (reference, ranges)}
    return Bundle.make(
        home / "small-1",
        model_dir=model_dir,
        signed=SignedRecord.sign(DecisionRecord.of(content), make_own_key()),
        reference=reference,
        ranges=ranges,
        version="1",
    )


def small_model() -> tuple[pd.DataFrame, Any]:
    """A pipeline on one number and one category."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    features = pd.DataFrame(FEATURES)
    columns = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression())
    model.fit(features, (features["amount"] > 0.5).astype(np.int64))
    return features, model


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it is now, so that every build of this session finds the layers of the one before."""
    return write_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def made(engine: DockerClient) -> Iterator[list[Image]]:
    """Images of this session, removed after it; their layers stay in the build cache."""
    images: list[Image] = []
    yield images
    listed = engine.ask("image", "ls", "--no-trunc", "--format", "{{.ID}}").split()
    for reference in {image.reference for image in images}.intersection(listed):
        engine.ask("image", "rm", "--force", reference)


@pytest.fixture(scope="session")
def names() -> str:
    """Where this session's images are named; a session beside it on the same engine has other names."""
    return f"weighbridge-test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def build(made: list[Image], options: BuildOptions, wheel: Path) -> Callable[..., Image]:
    """`build_image` on the local base."""

    def and_remember(bundle: Bundle, **arguments: Any) -> Image:
        image = build_image(bundle, options=options, wheel=wheel, **{**arguments, "push": False})
        made.append(image)
        return (
            build_image(bundle, options=options, wheel=wheel, **arguments) if arguments.get("push") else image
        )

    return and_remember


@pytest.fixture(scope="session")
def image(build: Callable[..., Image], bundle: Bundle, names: str) -> Image:
    """The CPU image of the bundle."""
    return build(bundle, tag=f"{names}/small:cpu")


@pytest.fixture(scope="session")
def pushed(build: Callable[..., Image], image: Image, bundle: Bundle, registry: str, names: str) -> Image:
    """The same image in the registry."""
    assert image.digest
    return build(bundle, tag=f"{registry}/{names}/small:v1", push=True)


@pytest.fixture(scope="module")
def run(engine: DockerClient) -> Iterator[Callable[..., str]]:
    """Starts containers as confined as a lane's and removes them after the file's tests."""
    started: list[str] = []

    def start(image: str, *options: str, command: tuple[str, ...] = ()) -> str:
        confined = (
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--tmpfs",
            "/tmp",
        )
        started.append(engine.ask("run", "--detach", "--init", *confined, *options, image, *command))
        return started[-1]

    yield start
    for container in started:
        engine.ask("rm", "--force", "--volumes", container)


def get(address: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and JSON of an answer; raises OSError when nobody listens."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        headers = {"content-type": "application/json"}
        content = None if body is None else json.dumps(body)
        connection.request("POST" if content else "GET", path, content, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    return answer.status, json.loads(text) if text else None


@pytest.fixture(scope="session")
def ask() -> Callable[..., tuple[int, Any]]:
    """`get`, for tests that cannot import this file."""
    return get


@pytest.fixture(scope="session")
def ready() -> Callable[..., None]:
    """Waits until a server says that it is ready, at most three minutes."""

    def wait(address: str) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                if get(address, "/health/ready")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.2)
        pytest.fail(f"{address} was not ready within 180 s")

    return wait
