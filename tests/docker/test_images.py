"""Images, built for real on a local base and run as a lane runs them."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.decision.trust import TRUSTED_KEYS, trust
from mlops.packaging.bundle import Bundle, model_digest
from mlops.packaging.docker_cli import DockerClient
from mlops.packaging.image import BuildOptions, Device, Image, build_image, build_train_image
from mlops.packaging.load import load_model

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(600)]

SECRET = b"weighbridge-test-secret-8c1f"
RECORDS = [{"amount": 0.9, "sex": "m"}, {"amount": 0.1, "sex": "f"}]
HEALTH_CHECK = ("image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}")
Run = Callable[..., str]
Build = Callable[..., Image]
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def server(run: Run, engine: DockerClient, image: Image, ready: Callable[[str], None]) -> tuple[str, str]:
    container = run(image.reference, "--publish", "127.0.0.1::8080", command=("--open",))
    address = engine.ask("port", container, "8080/tcp").splitlines()[0]
    ready(address)
    return container, address


def test_answers_with_the_registered_model(server: tuple[str, str], ask: Ask, bundle: Bundle) -> None:
    status, answer = ask(server[1], "/v1/predict", {"records": RECORDS})
    assert status == 200
    expected = load_model(bundle.model_dir, task=bundle.task, threshold=bundle.threshold).predict(
        pl.DataFrame(RECORDS)
    )
    assert [found["prediction"] for found in answer["predictions"]] == expected.labels.tolist()
    status, model = ask(server[1], "/model")
    assert (model["version"], model["model_digest"]) == (bundle.version, bundle.model_digest)


@pytest.fixture(scope="module")
def writing(  # noqa: PLR0917 - fixtures
    build: Build,
    text_bundle: Bundle,
    names: str,
    run: Run,
    engine: DockerClient,
    ready: Callable[[str], None],
) -> str:
    image = build(text_bundle, tag=f"{names}/texts:cpu")
    container = run(image.reference, "--publish", "127.0.0.1::8080", command=("--open",))
    address = engine.ask("port", container, "8080/tcp").splitlines()[0]
    ready(address)
    return address


def test_the_embedded_language_model_answers_in_its_image(writing: str, ask: Ask) -> None:
    status, answer = ask(writing, "/v1/generate", {"record": {"title": "a red mug"}})
    assert status == 200, answer
    assert answer["generations"][0]["text"].strip()
    assert answer["generations"][0]["usage"]["completion_tokens"] > 0


def test_runs_without_rights(server: tuple[str, str], engine: DockerClient) -> None:
    container = server[0]
    assert engine.ask("exec", container, "id", "-u") == "10001"
    assert not engine.answers("exec", container, "touch", "/srv/bundle/x")
    assert not engine.answers("exec", container, "python", "-m", "pip", "--version")
    capabilities = engine.ask("exec", container, "grep", "CapEff", "/proc/self/status")
    assert int(capabilities.split()[1], 16) == 0


def test_says_that_it_is_healthy(server: tuple[str, str], engine: DockerClient, image: Image) -> None:
    check = json.loads(engine.ask(*HEALTH_CHECK, image.reference))
    assert check[0] == "CMD"
    assert engine.answers("exec", server[0], *check[1:])


def test_is_not_healthy_when_nobody_answers(run: Run, engine: DockerClient, image: Image) -> None:
    container = run(image.reference, "--entrypoint", "sleep", command=("60",))
    check = json.loads(engine.ask(*HEALTH_CHECK, image.reference))
    assert engine.answers("exec", container, "true")
    assert not engine.answers("exec", container, *check[1:])


def test_refuses_a_model_that_was_changed(
    engine: DockerClient, image: Image, bundle: Bundle, tmp_path: Path
) -> None:
    changed = tmp_path / "bundle"
    shutil.copytree(bundle.path, changed)
    with (changed / "model" / "MLmodel").open("a") as file:
        file.write("\n# changed\n")
    mount = ("--volume", f"{changed}:/srv/bundle:ro")
    done = subprocess.run(
        [engine.program, "run", "--rm", "--read-only", "--tmpfs", "/tmp", *mount, image.reference, "--open"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "are not the ones that release 20261121-230512-1a2b3c4d weighed" in done.stderr


def test_lets_nobody_in_unless_it_is_told_whom(engine: DockerClient, image: Image) -> None:
    command = [engine.program, "run", "--rm", "--read-only", "--tmpfs", "/tmp", image.reference]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "on 0.0.0.0 other machines could ask the model" in done.stderr


def test_says_what_it_holds(engine: DockerClient, image: Image, bundle: Bundle) -> None:
    labels = json.loads(
        engine.ask("image", "inspect", "--format", "{{json .Config.Labels}}", image.reference)
    )
    assert labels == {
        "org.opencontainers.image.title": "small",
        "org.opencontainers.image.version": "1",
        "org.opencontainers.image.revision": "0123456789abcdef0123456789abcdef01234567",
        "weighbridge.model": "small",
        "weighbridge.version": "1",
        "weighbridge.release": bundle.release_id,
        "weighbridge.model-digest": bundle.model_digest,
        "weighbridge.decision-digest": bundle.decision_digest,
        "weighbridge.device": "cpu",
    }


def test_no_secret_in_any_layer(engine: DockerClient, image: Image) -> None:
    assert SECRET.decode() not in engine.ask("history", "--no-trunc", image.reference)
    with subprocess.Popen([engine.program, "save", image.reference], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        tail, size = b"", 0
        while piece := saving.stdout.read(1 << 20):
            assert SECRET not in tail + piece
            tail, size = piece[-len(SECRET) :], size + len(piece)
    assert saving.returncode == 0
    assert size > 100_000_000  # it was the image that was read


def test_the_same_bundle_is_the_same_image(image: Image, bundle: Bundle, build: Build, names: str) -> None:
    assert build(bundle, tag=f"{names}/small:again") == image


def test_pushed_by_digest_and_pulled_again(
    engine: DockerClient, pushed: Image, registry: str, names: str
) -> None:
    name = f"{registry}/{names}/small"
    assert pushed.reference == f"{name}@{pushed.digest}"
    # As it was built for the push: a builder short of room forgets layers, and makes them anew with other times.
    built = engine.ask("image", "inspect", "--format", "{{.Id}}", f"{name}:v1")
    engine.ask("image", "rm", "--force", f"{name}:v1")
    assert not engine.answers("image", "inspect", pushed.reference)
    engine.ask("pull", pushed.reference)
    assert engine.ask("image", "inspect", "--format", "{{.Id}}", pushed.reference) == built


def test_gpu_layout_on_the_local_base(  # noqa: PLR0917 - fixtures
    engine: DockerClient, bundle: Bundle, build: Build, names: str, run: Run, ready: Callable[[str], None]
) -> None:
    made = build(bundle, tag=f"{names}/small:gpu", device=Device.GPU)
    label = ("image", "inspect", "--format", '{{index .Config.Labels "weighbridge.device"}}')
    assert engine.ask(*label, made.reference) == "gpu"
    container = run(made.reference, "--publish", "127.0.0.1::8080", command=("--open",))
    ready(engine.ask("port", container, "8080/tcp").splitlines()[0])


def test_trusts_the_keys_that_were_trusted_where_it_was_built_or_those_it_is_given(
    engine: DockerClient, image: Image
) -> None:
    baked = json.loads(engine.ask("image", "inspect", "--format", "{{json .Config.Env}}", image.reference))
    assert f"{TRUSTED_KEYS}={trust().text}" in baked
    assert not [line for line in baked if "SIGNING" in line]
    other = base64.b64encode(bytes(32)).decode()
    confined = ("--rm", "--read-only", "--tmpfs", "/tmp", "--env", f"{TRUSTED_KEYS}={other}")
    done = subprocess.run(
        [engine.program, "run", *confined, image.reference, "--open"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "which is not trusted here" in done.stderr


def test_a_model_that_does_not_load_is_never_an_image(
    engine: DockerClient, bundle: Bundle, build: Build, names: str, tmp_path: Path
) -> None:
    broken = _without_the_model_file(bundle, tmp_path)
    with pytest.raises(EnvironmentProblem, match="does not load"):
        build(broken, tag=f"{names}/small:broken")
    assert not engine.answers("image", "inspect", f"{names}/small:broken")


def _without_the_model_file(bundle: Bundle, folder: Path) -> Bundle:
    """A bundle whose digests hold, but whose model is empty."""
    model = folder / "model"
    shutil.copytree(bundle.model_dir, model)
    (model / "model.skops").write_bytes(b"")
    content = json.loads((bundle.path / "decision.json").read_bytes())
    content["training"]["model_digest"] = model_digest(model)
    signed = SignedRecord.sign(DecisionRecord.of(content), make_own_key())
    return Bundle.make(
        folder / "b",
        model_dir=model,
        signed=signed,
        reference=bundle.reference,
        ranges=bundle.ranges,
        version="1",
    )


def test_a_tag_that_docker_does_not_take(bundle: Bundle) -> None:
    with pytest.raises(UserError, match="is no name for an image"):
        build_image(bundle, tag="weighbridge/Lending:1")


def test_the_training_image_knows_the_commands_and_git(  # noqa: PLR0917 - fixtures
    engine: DockerClient, options: BuildOptions, wheel: Path, made: list[Image], names: str, tmp_path: Path
) -> None:
    image = build_train_image(tag=f"{names}/train:cpu", options=options, wheel=wheel)
    made.append(image)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    tmp_path.chmod(0o755)
    confined = (
        "--rm",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--tmpfs",
        "/tmp",
        "--volume",
        f"{tmp_path}:/project",
    )
    assert "validate" in engine.ask("run", *confined, image.reference, "--help")
    status = ("--entrypoint", "git", image.reference, "-C", "/project", "status", "--porcelain")
    assert engine.ask("run", *confined, *status) == ""
