"""Lanes as processes of this machine."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from evaluation.errors import UserError
from mlops.decision.trust import TRUSTED_KEYS, trust
from mlops.rollout import process
from mlops.rollout.targets.base import Lane
from mlops.rollout.targets.environment import needed
from mlops.serving.access.keys import API_KEYS
from mlops.serving.config import ServeConfig

# -P: what lies in the folder where somebody typed the command must not shadow our packages.
SERVER = (sys.executable, "-P", "-m", "mlops.serving")
_MARK = "WEIGHBRIDGE_LANE"
_HOST = "127.0.0.1"
_KEPT_LOGS = 20


class LocalTarget:
    """Starts `python -m mlops.serving` for a bundle; a handle is `pid:start time`."""

    name = "local"

    def __init__(
        self, serve: ServeConfig, logs: Path, keys: Path, *, command: Sequence[str] = SERVER
    ) -> None:
        self._serve = serve
        self._logs = logs
        self._keys = keys
        self._command = tuple(command)

    def start(  # noqa: PLR0913 - the protocol's names
        self, artefact: str, *, version: str, release_id: str, model: str, port: int, log_dir: Path
    ) -> Lane:
        """Start a detached server process; raises UserError when the bundle is not a folder."""
        if not Path(artefact).is_dir():
            raise UserError(
                f"no bundle at {artefact}",
                expected="a folder that `weighbridge deploy` made from a registered version",
                next_step="weighbridge deploy",
            )
        self._remove_oldest_logs(log_dir)
        started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        log = self._logs / f"{model}-{version}-{started}-{port}.log"
        lane = Lane(model, version, release_id, self.name, _HOST, port, "", artefact, str(log))
        mark = json.dumps({**asdict(lane), "log_dir": str(log_dir)})
        handle = process.spawn(
            (*self._command, *self._arguments(lane, log_dir)),
            told={
                **needed(self._serve, os.environ),
                **(
                    {API_KEYS: os.environ.get(API_KEYS) or str(self._keys)} if self._serve.access.keys else {}
                ),
                TRUSTED_KEYS: trust().text,
                _MARK: mark,
            },
            log=log,
            folder=self._logs,
        )
        return replace(lane, handle=handle)

    def _remove_oldest_logs(self, log_dir: Path) -> None:
        """Keep the newest, and those of lanes that run."""
        in_use = {lane.log for lane in self.running(log_dir)}
        found = sorted(self._logs.glob("*.log"), key=lambda log: log.stat().st_mtime)
        for log in found[:-_KEPT_LOGS]:
            if str(log) not in in_use:
                log.unlink(missing_ok=True)

    def _arguments(self, lane: Lane, log_dir: Path) -> tuple[str, ...]:
        where = (
            str(Path(lane.artefact).resolve()),
            "--host",
            lane.host,
            "--port",
            str(lane.port),
            "--log-dir",
            str(log_dir),
        )
        return (*where, "--serve", self._serve.for_server())

    def alive(self, lane: Lane) -> bool:
        """Whether this very process runs."""
        return process.find(lane.handle) is not None

    def stop(self, lane: Lane, *, within_s: float) -> None:
        """SIGTERM, then SIGKILL; returns when it and its children are gone."""
        process.stop(lane.handle, within_s=within_s)

    def running(self, log_dir: Path) -> tuple[Lane, ...]:
        """Lanes found by the mark in their environment."""
        found = []
        for handle, mark in process.marked(_MARK):
            content = json.loads(mark)
            if content.pop("log_dir") == str(log_dir) and content["target"] == self.name:
                found.append(replace(Lane(**content), handle=handle))
        return tuple(found)

    def log_tail(self, lane: Lane, *, lines: int) -> tuple[str, ...]:
        """The end of its log file."""
        return process.tail(Path(lane.log), lines=lines)
