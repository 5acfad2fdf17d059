"""The lanes of one home, whichever target each of them runs on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops.config import RolloutConfig
from mlops.rollout import ports
from mlops.rollout.probe import Clock, is_ready, wait_ready
from mlops.rollout.targets.base import Lane, Target
from mlops.rollout.targets.build import build_target
from mlops.serving.config import ServeConfig

_HOST = "127.0.0.1"
# The server takes up to 30 s to answer what is in flight, then writes the end of its request log.
_STOP_WITHIN_S = 45.0


@dataclass(frozen=True)
class Wanted:
    """What a lane has to be to count as this version."""

    artefact: str
    model: str
    version: str
    release_id: str
    target: str

    @classmethod
    def of(cls, lane: Lane) -> "Wanted":
        """What it takes to start a lane like this one."""
        return cls(lane.artefact, lane.model, lane.version, lane.release_id, lane.target)


@dataclass(frozen=True)
class Lanes:
    """Starts, watches and stops lanes; finds those that nobody recorded."""

    home: Path
    serve: ServeConfig
    rollout: RolloutConfig
    target: Target
    clock: Clock

    def start(self, wanted: Wanted) -> Lane:
        """Start a lane on a free port, ready or not; raises as `Target.start` does."""
        return self._of(wanted.target).start(
            wanted.artefact,
            version=wanted.version,
            release_id=wanted.release_id,
            model=wanted.model,
            port=ports.free_port(_HOST),
            log_dir=self._log_dir,
        )

    def wait_ready(self, lane: Lane) -> None:
        """Wait as long as weighbridge.yaml allows; raises as `probe.wait_ready` does."""
        wait_ready(lane, self._of(lane.target), within_s=self.rollout.ready_within_s, clock=self.clock)

    def is_alive(self, lane: Lane) -> bool:
        """Whether it runs, ready or not."""
        return self._of(lane.target).alive(lane)

    def is_warm(self, lane: Lane) -> bool:
        """Whether it runs and is ready for requests now."""
        return self.is_alive(lane) and is_ready(lane)

    def stop_all_but(self, kept: Iterable[Lane]) -> None:
        """Stop every lane that was started for this home, except these."""
        kept = tuple(kept)
        handles = {lane.handle for lane in kept}
        for name in {self.target.name, "local", *(lane.target for lane in kept)}:
            target = self._of(name)
            for lane in target.running(self._log_dir):
                if lane.handle not in handles:
                    target.stop(lane, within_s=_STOP_WITHIN_S)

    def stop(self, lane: Lane) -> None:
        """Stop one lane; returns when it is gone."""
        self._of(lane.target).stop(lane, within_s=_STOP_WITHIN_S)

    @property
    def _log_dir(self) -> Path:
        return self.home / "log"

    def _of(self, target: str) -> Target:
        """The target of a lane; another than the configured one after a change in weighbridge.yaml."""
        if target == self.target.name:
            return self.target
        return build_target(self.rollout.model_copy(update={"target": target}), self.serve, self.home)
