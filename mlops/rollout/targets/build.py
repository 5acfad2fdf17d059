"""From the name in weighbridge.yaml to a target."""

from pathlib import Path

from mlops.config import RolloutConfig
from mlops.rollout.targets.base import Target
from mlops.serving.access.keys import KeyFile
from mlops.serving.config import ServeConfig


def build_target(rollout: RolloutConfig, serve: ServeConfig, home: Path) -> Target:
    """Make the target that `rollout.target` names.

    >>> build_target(RolloutConfig(), ServeConfig(), Path(".weighbridge")).name
    'local'
    """
    keys = KeyFile.of(home).path
    if rollout.target == "docker":
        from mlops.rollout.targets.docker import DockerTarget

        return DockerTarget(serve, keys)
    from mlops.rollout.targets.local import LocalTarget

    return LocalTarget(serve, home / "serving" / "lanes", keys)
