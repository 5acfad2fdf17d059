"""For every test: threads that wait asleep, as the commands have them, and keys that are nobody's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mlops.calm import calm_threads

calm_threads()
if not os.environ.get("CI"):
    # No test depends on speed; where CI is set, Hypothesis has a profile of its own that also fixes the seed.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def nobodys_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A configuration folder without the keys of whoever runs the tests, and with all else that is in theirs."""
    theirs = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    ours = tmp_path_factory.mktemp("config")
    # pip finds its index there, git its name.
    for path in theirs.iterdir() if theirs.is_dir() else ():
        if path.name != "weighbridge":
            (ours / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(ours))
        patch.delenv("WEIGHBRIDGE_SIGNING_KEY", raising=False)
        patch.delenv("WEIGHBRIDGE_TRUSTED_KEYS", raising=False)
        yield
