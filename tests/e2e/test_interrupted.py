"""kill -9 at the worst moment of every step, then the same command again."""

import signal
from typing import TYPE_CHECKING

import pytest

from evaluation.errors import ExitCode
from mlops.registry.client import Alias
from mlops.release.journal import Step, journals

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

# The worst moment: everything was done and nothing recorded yet.
KILLED = """
import os, signal
from mlops.cli.main import main
from mlops.release.journal import Journal, Step

real = Journal.finish

def finish(self, step, result, seconds):
    if step is Step("{step}"):
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, step, result, seconds)

Journal.finish = finish
main(["release"])
"""


def test_a_release_killed_at_every_step_goes_on_and_makes_one_version(project: "UserProject") -> None:
    for step in Step:
        killed = project.apart(KILLED.format(step=step.value))
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
        (journal,) = journals(project.folder / ".weighbridge" / "releases")
        assert not journal.done(step)
        champion = project.open().registry.by_alias(Alias.CHAMPION)
        assert champion is None or champion.release_id == journal.id
    ran = project("release")
    assert ran.code == ExitCode.PASS, ran.output
    registry = project.open().registry
    assert [version.version for version in registry.versions()] == ["1"]
    assert registry.by_alias(Alias.CHAMPION).version == "1"
    serving = project.open().rollout().status()
    assert [placed.lane.version for placed in serving.lanes if placed.alive] == ["1"]
