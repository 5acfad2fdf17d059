"""kill -9 of real servers under load, the short form of `python -m benchmarks.crash`; and what judges it."""

from datetime import UTC, datetime

import polars as pl
import pytest

from benchmarks._printed import read
from benchmarks.crash.__main__ import FILE
from benchmarks.crash.clients import Acknowledged, Kill, Kind
from benchmarks.crash.judge import Cost, Turn, Victim, cost
from benchmarks.crash.kills import Plan, kill_often
from benchmarks.crash.readers import Unreadable, read_ids
from benchmarks.crash.tables import PAGE, page
from mlops.serving.log.config import Durability
from monitoring.store.base import LabelRecord
from monitoring.store.delta import DeltaRequestLog


@pytest.mark.timeout(300)
@pytest.mark.parametrize("durability", Durability)
def test_a_kill_costs_what_the_durability_says(durability, bundle, good, tmp_path):
    """One process, both of two, one of two. What `batch` may lose leaves room for a busy machine."""
    plan = Plan(bundle.path, good, durability, kills=3, seed=20, between_s=(0.2, 0.8), bound_s=5)
    turns = kill_often(plan, tmp_path)
    assert [each for turn in turns for each in turn.violations] == []
    assert [turn.victim for turn in turns] == [Victim.SERVER, Victim.ALL, Victim.ONE]
    assert all(turn.cost.acknowledged for turn in turns)


KILL = Kill(began=10.0, ended=10.2)


@pytest.mark.parametrize(
    ("durability", "sent", "came", "forbidden"),
    [
        (Durability.BATCH, 9.0, 9.1, 0),
        (Durability.BATCH, 9.9, 10.3, 0),
        (Durability.BATCH, 8.8, 8.9, 1),
        (Durability.BATCH, 10.3, 10.4, 1),
        (Durability.JOURNAL, 9.9, 9.99, 1),
    ],
)
def test_what_may_be_missing(durability, sent, came, forbidden):
    told = [Acknowledged(Kind.LABEL, "a", sent, came), Acknowledged(Kind.REQUEST, "a", sent, came)]
    found = cost(durability, KILL, told, {Kind.REQUEST: {"a"}, Kind.LABEL: set()})
    assert (found.acknowledged, found.missing, found.forbidden) == (2, 1, forbidden)
    assert found.worst_age_s == pytest.approx(max(0.0, 10 - came))


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"cost": Cost(9, 2, 2, 3.0)}, "2 acknowledged records are missing"),
        ({"twice": 1}, "1 rows are there twice"),
        ({"failed": 4}, "4 requests were refused"),
        ({"unreadable": ("labels: no",)}, "labels: no"),
    ],
)
def test_what_should_not_be_is_told(trouble, said):
    turn = {"durability": Durability.BATCH, "victim": Victim.ONE, "cost": Cost(9, 2, 0, 0.3)}
    assert Turn(**turn).violations == ()
    [violation] = Turn(**(turn | trouble)).violations
    assert said in violation


def test_a_table_with_a_damaged_file_is_unreadable(tmp_path):
    log = DeltaRequestLog(tmp_path)
    log._requests._create()
    log.append_labels([LabelRecord(key, datetime.now(UTC), 1) for key in "ab"])
    assert read_ids(tmp_path, Kind.LABEL).to_list() == ["a", "b"]
    assert read_ids(tmp_path, Kind.REQUEST).equals(pl.Series("id", [], pl.String()))
    [file] = (tmp_path / "labels").glob("*/*.parquet")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(Unreadable, match="labels"):
        read_ids(tmp_path, Kind.LABEL)


def test_page_says_what_was_measured():
    text = PAGE.read_text()
    assert page(text, read(FILE)) == text, "python -m benchmarks.crash --write-docs"
