"""What a server does before it answers, so that its first append takes no longer than the next."""

import datetime as dt

import pytest

from evaluation.errors import EnvironmentProblem
from monitoring.store.base import LabelRecord
from monitoring.store.delta import DeltaRequestLog


def test_tables_that_there_are_are_open_and_none_is_made(tmp_path):
    DeltaRequestLog(tmp_path).append_labels([LabelRecord("a", dt.datetime.now(dt.UTC), 1)])
    log = DeltaRequestLog(tmp_path)
    log.prepare()
    assert log._labels._table is not None
    assert log._requests._table is None
    assert not (tmp_path / "requests").exists()


def test_a_store_at_fault_is_told(tmp_path):
    (tmp_path / "requests" / "_delta_log").mkdir(parents=True)
    (tmp_path / "requests" / "_delta_log" / "00000000000000000000.json").write_text("no commit")
    with pytest.raises(EnvironmentProblem, match="cannot open"):
        DeltaRequestLog(tmp_path).prepare()
