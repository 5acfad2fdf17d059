"""Lanes as containers of this machine's Docker engine, each from an image named by digest."""

import json
import math
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.trust import TRUSTED_KEYS, trust
from mlops.packaging.docker_cli import DockerClient
from mlops.rollout.targets.base import Lane
from mlops.rollout.targets.environment import needed
from mlops.serving.access.keys import API_KEYS
from mlops.serving.config import ServeConfig
from mlops.serving.log.config import LOG_KEY, Redaction

_HOST = "127.0.0.1"
_SERVER_PORT = 8080
_LOG_IN_CONTAINER = "/var/log/weighbridge"
_KEYS_IN_CONTAINER = "/run/weighbridge/access"
# The user that the image makes; it has no other rights on this machine.
_SERVER_UID = 10001
_LANE = "weighbridge.lane"
_LOG_DIR = "weighbridge.log-dir"
# A tag can be moved to another image, a digest or an id cannot.
_IMMUTABLE = re.compile(r"^(\S+@)?sha256:[0-9a-f]{64}$")
_PULL_WITHIN_S = 1800
_CONFINED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp:rw,nosuid,nodev,size=256m", "--pids-limit", "512"),  # noqa: S108 - inside the container
    # Without it a server that is still loading its model is process 1, which SIGTERM does not end.
    "--init",
    *("--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"),
)


class DockerTarget:
    """Runs an image of `weighbridge image` read-only and without rights; a handle is its full id."""

    name = "docker"

    def __init__(self, serve: ServeConfig, keys: Path, client: DockerClient | None = None) -> None:
        self._serve = serve
        self._keys = keys
        self._found = client

    def start(  # noqa: PLR0913 - the protocol's names
        self, artefact: str, *, version: str, release_id: str, model: str, port: int, log_dir: Path
    ) -> Lane:
        """Start a container that answers on 127.0.0.1:`port` and logs requests below `log_dir`.

        Raises UserError for an image that is named by a tag or serves another release, EnvironmentProblem
        when the engine does not answer, cannot pull the image or cannot start it.
        """
        labels = self._labels_of(artefact)
        _require_release(artefact, labels, model=model, version=version, release_id=release_id)
        lane = Lane(model, version, release_id, self.name, _HOST, port, "", artefact, "")
        user = _give_to_server(log_dir)
        created = self._docker.ask(
            "create",
            *_CONFINED,
            *("--user", user, "--publish", f"{_HOST}:{port}:{_SERVER_PORT}"),
            *("--volume", f"{log_dir}:{_LOG_IN_CONTAINER}"),
            *(("--env", f"{TRUSTED_KEYS}={trusted}") if (trusted := trust().text) else ()),
            *("--label", f"{_LANE}={json.dumps(asdict(lane))}", "--label", f"{_LOG_DIR}={log_dir}"),
            *self._door(),
            *self._told(),
            *(("--gpus", "all") if labels.get("weighbridge.device") == "gpu" else ()),
            artefact,
            *("--serve", self._serve.for_server()),
            # In its container it listens to all; the port is published on loopback only, where the router is.
            *(() if self._serve.access.controlled else ("--open",)),
        )
        handle = created.splitlines()[-1]
        try:
            self._docker.ask("start", handle, next_step="mend that, then: weighbridge deploy")
        except BaseException:
            self._remove(handle)
            raise
        return _known_as(lane, handle)

    def alive(self, lane: Lane) -> bool:
        """Whether this very container runs; raises EnvironmentProblem when no engine answers."""
        return self._state(lane.handle) == "running"

    def stop(self, lane: Lane, *, within_s: float) -> None:
        """SIGTERM, then SIGKILL; returns when the container is removed, also one that had ended by itself."""
        if self._state(lane.handle) == "":
            return
        self._docker.ask("stop", "--time", str(math.ceil(within_s)), lane.handle, timeout_s=within_s + 60)
        self._remove(lane.handle)

    def running(self, log_dir: Path) -> tuple[Lane, ...]:
        """Lanes found by the labels of their containers."""
        chosen = ("--filter", f"label={_LOG_DIR}={log_dir}", "--filter", "status=running")
        handles = self._docker.ask("ps", "--no-trunc", "--quiet", *chosen).split()
        return tuple(lane for handle in handles if (lane := self._marked(handle)))

    def log_tail(self, lane: Lane, *, lines: int) -> tuple[str, ...]:
        """What the engine kept of its output."""
        return self._docker.output("logs", "--tail", str(lines), lane.handle)[-lines:]

    def _door(self) -> tuple[str, ...]:
        """What the server needs to know its callers."""
        # The router, which alone reaches it, says who asked; the address that a container sees is the engine's.
        told = ("--env", "FORWARDED_ALLOW_IPS=*")
        if not self._serve.access.keys:
            return told
        named = os.environ.get(API_KEYS, "")
        if named.startswith("{"):
            return (*told, "--env", API_KEYS)
        # The folder, not the file: a file that is replaced would go on being the old one in there.
        path = Path(named).resolve() if named else self._keys
        _give_to_server(path.parent)
        volume = f"{path.parent}:{_KEYS_IN_CONTAINER}:ro"
        return (*told, "--volume", volume, "--env", f"{API_KEYS}={_KEYS_IN_CONTAINER}/{path.name}")

    def _told(self) -> tuple[str, ...]:
        """Variables by their names: the engine's program takes the values from its own environment."""
        if Redaction.HASH in self._serve.log.redact.values() and LOG_KEY not in os.environ:
            raise UserError(
                "serve.log.redact hashes a field, and a container can't see the key of this machine",
                expected=f"the key in {LOG_KEY}, so that every server makes the same hashes",
                next_step=f"export {LOG_KEY}=...; openssl rand -base64 32 makes one",
            )
        return tuple(word for name in needed(self._serve, os.environ) for word in ("--env", name))

    @property
    def _docker(self) -> DockerClient:
        if self._found is None:
            self._found = DockerClient.find()
        return self._found

    def _labels_of(self, image: str) -> dict[str, str]:
        if not _IMMUTABLE.match(image):
            raise UserError(
                f"the image {image} is named by a tag, and tags move",
                expected="REGISTRY/NAME@sha256:..., as printed by `weighbridge image --push`",
                next_step="weighbridge image --push REGISTRY/NAME; it prints the reference to deploy",
            )
        self._docker.require_engine()
        if not self._docker.answers("image", "inspect", image):
            hint = f"docker login {image.partition('/')[0]}, if it wants one; then: docker pull {image}"
            self._docker.ask("pull", "--quiet", image, timeout_s=_PULL_WITHIN_S, next_step=hint)
        found = self._docker.ask("image", "inspect", "--format", "{{json .Config.Labels}}", image)
        return json.loads(found) or {}

    def _state(self, handle: str) -> str:
        """Such as running, exited or created; empty for a container that is not there."""
        chosen = ("--filter", f"id={handle}", "--format", "{{.State}}")
        return self._docker.ask("ps", "--all", "--no-trunc", *chosen) if handle else ""

    def _marked(self, handle: str) -> Lane | None:
        try:
            label = self._docker.ask("inspect", "--format", f'{{{{index .Config.Labels "{_LANE}"}}}}', handle)
        except EnvironmentProblem:
            if self._state(handle) == "":  # it ended between the two questions
                return None
            raise
        content: dict[str, Any] = json.loads(label)
        return _known_as(Lane(**content), handle)

    def _remove(self, handle: str) -> None:
        self._docker.ask("rm", "--force", handle)


def _known_as(lane: Lane, handle: str) -> Lane:
    return replace(lane, handle=handle, log=f"docker logs {handle[:12]}")


def _require_release(image: str, labels: dict[str, str], **wanted: str) -> None:
    """Raise UserError unless an image says of itself that it serves this release."""
    found = {name: labels.get(f"weighbridge.{name.removesuffix('_id')}", "nothing") for name in wanted}
    if found != wanted:
        raise UserError(
            f"the image {image} serves {' '.join(found.values())}",
            expected=" ".join(wanted.values()),
            next_step=f"weighbridge image --release {wanted['release_id']}",
        )


def _give_to_server(folder: Path) -> str:
    """Give a folder to the user of the container and return its `uid:gid`.

    The container gets the user who types the command, so that both can write the log. Root would be root
    inside, too: then the image's own user gets the folder, and root can still write there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() != 0:
        return f"{os.getuid()}:{os.getgid()}"
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid == 0:
            os.chown(path, _SERVER_UID, _SERVER_UID, follow_symlinks=False)
    return f"{_SERVER_UID}:{_SERVER_UID}"
