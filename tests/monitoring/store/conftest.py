"""An empty request log on disk."""

import pytest

from monitoring.store.base import RequestLog
from monitoring.store.delta import DeltaRequestLog


@pytest.fixture
def log(tmp_path) -> RequestLog:
    return DeltaRequestLog(tmp_path / "log")
