"""From a bundle to a Docker image that serves exactly its model."""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from evaluation.errors import EnvironmentProblem, UserError
from mlops.packaging.bundle import Bundle
from mlops.packaging.context import dockerfile, prepare_serving, prepare_training
from mlops.packaging.docker_cli import DockerClient, Log

# 24.04 and not 22.04: that one has Python 3.10.
_CUDA = "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04"
_TAG = re.compile(r"^[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[\w][\w.-]{0,127})?$")
_BASES = ("WEIGHBRIDGE_BUILD_BASE", "WEIGHBRIDGE_RUNTIME_BASE", "WEIGHBRIDGE_BUILD_NETWORK")
_PIP_FILES = ("PIP_CONFIG_FILE", "PIP_CERT")


class Device(StrEnum):
    """What an image runs on."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class Image:
    """An image that cannot change under its name.

    reference: `REGISTRY/NAME@sha256:...` once pushed, else the id `sha256:...` in this machine's engine.
    """

    reference: str
    digest: str


@dataclass(frozen=True)
class BuildOptions:
    """How an image is made; an empty base is Python slim (CPU) or NVIDIA CUDA (GPU)."""

    build_base: str = ""
    runtime_base: str = ""
    network: str = ""
    """The engine's network for the build, such as `host`."""
    pip_config: Path | None = None
    """A pip.conf; it may hold an index address with a password, so the build sees it as a secret."""
    certificates: Path | None = None
    """Authorities that pip trusts during the build."""

    @classmethod
    def from_environment(cls) -> "BuildOptions":
        """Read WEIGHBRIDGE_{BUILD_BASE,RUNTIME_BASE,BUILD_NETWORK} and pip's PIP_CONFIG_FILE, PIP_CERT."""
        build, runtime, network = (os.environ.get(name, "") for name in _BASES)
        files = (Path(os.environ.get(name) or os.devnull) for name in _PIP_FILES)
        pip_config, certificates = (path if path.is_file() else None for path in files)
        return cls(build, runtime, network, pip_config, certificates)

    def arguments(self, device: Device) -> Iterator[str]:
        """These options for `docker build`.

        >>> list(BuildOptions(build_base="base:1").arguments(Device.CPU))
        ['--build-arg', 'BUILD_BASE=base:1']
        """
        default = _CUDA if device is Device.GPU else ""
        for name, base in (("BUILD_BASE", self.build_base), ("RUNTIME_BASE", self.runtime_base)):
            if base or default:
                yield from ("--build-arg", f"{name}={base or default}")
        if self.network:
            yield from ("--network", self.network)
        for name, path in (("pip", self.pip_config), ("ca", self.certificates)):
            if path is not None:
                yield from ("--secret", f"id={name},src={path}")


def build_image(  # noqa: PLR0913 - each is one fact about the image
    bundle: Bundle,
    *,
    tag: str,
    device: Device = Device.CPU,
    push: bool = False,
    wheel: Path | None = None,
    options: BuildOptions | None = None,
    log: Log = lambda _: None,
) -> Image:
    """Build the image that serves a bundle, and push it under `tag` if asked to.

    wheel: a wheel of Weighbridge to install; by default one is made from the code that runs now.
    log: gets each line that the build prints.
    Raises UserError for a tag that Docker does not take, a bundle that was changed, or pins of the model that
    contradict the server's; EnvironmentProblem without an engine or BuildKit, or when build or push fails.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-image-") as folder:
        docker = _ready_to_build(tag)
        facts = prepare_serving(Path(folder), bundle, wheel)
        image = _build(docker, Path(folder), _settings("serve", tag, device, facts, options), log)
    return _push(docker, tag, log) if push else image


def build_train_image(  # noqa: PLR0913 - each is one fact about the image
    *,
    tag: str,
    device: Device = Device.CPU,
    push: bool = False,
    requirements: Path | None = None,
    wheel: Path | None = None,
    options: BuildOptions | None = None,
    log: Log = lambda _: None,
) -> Image:
    """Build the image in which a project is validated, trained and judged; its entry point is `weighbridge`.

    requirements: what the project's training code needs beyond Weighbridge.
    Raises as `build_image` does.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-image-") as folder:
        docker = _ready_to_build(tag)
        facts = prepare_training(Path(folder), requirements, wheel)
        image = _build(docker, Path(folder), _settings("train", tag, device, facts, options), log)
    return _push(docker, tag, log) if push else image


def _ready_to_build(tag: str) -> DockerClient:
    if not _TAG.match(tag):
        raise UserError(
            f"{tag!r} is no name for an image",
            expected="REGISTRY/NAME:TAG in lower case",
            next_step="weighbridge image --push REGISTRY/NAME",
        )
    docker = DockerClient.for_builds()
    docker.require_engine()
    return docker


def _settings(
    kind: str, tag: str, device: Device, facts: Mapping[str, str], options: BuildOptions | None
) -> Iterator[str]:
    yield from ("--file", str(dockerfile(kind)), "--tag", tag, "--progress", "plain")
    for name, value in {**facts, "DEVICE": device.value}.items():
        yield from ("--build-arg", f"{name}={value}")
    yield from (options or BuildOptions.from_environment()).arguments(device)


def _build(docker: DockerClient, context: Path, settings: Iterable[str], log: Log) -> Image:
    command = ("buildx", "build", "--load") if docker.has_buildx else ("build",)
    # Outside of the context, which the build gets to see.
    with tempfile.TemporaryDirectory(prefix="weighbridge-image-") as folder:
        written = Path(folder) / "id"
        docker.stream(*command, *settings, "--iidfile", str(written), str(context), log=log)
        image_id = written.read_text(encoding="ascii").strip()
    return Image(image_id, image_id)


def _push(docker: DockerClient, tag: str, log: Log) -> Image:
    docker.stream("push", tag, log=log)
    repository = tag if ":" not in tag.rpartition("/")[2] else tag.rpartition(":")[0]
    listed = docker.ask("image", "inspect", "--format", "{{json .RepoDigests}}", tag)
    for reference in json.loads(listed) or []:
        name, _, digest = reference.partition("@")
        # The engine leaves Docker Hub's own name out of its list.
        if name == repository.removeprefix("docker.io/"):
            return Image(f"{repository}@{digest}", digest)
    raise EnvironmentProblem(
        f"the engine knows no digest of {tag} after the push", next_step=f"docker push {tag}"
    )
