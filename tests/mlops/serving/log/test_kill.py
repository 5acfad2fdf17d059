"""kill -9 in the middle of traffic: what was acknowledged is in the table afterwards, and once."""

import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlops.serving.log.outflow import replay_left_behind
from monitoring.store.delta import DeltaRequestLog

PROGRAM = Path(__file__).with_name("writing_process.py")


class Running:
    """A writing process; `kill` gives the ids that it had acknowledged until then."""

    def __init__(self, folder, durability, name, *, callers=8):
        command = [sys.executable, str(PROGRAM), str(folder), durability, name, str(callers)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.acknowledged = []

    def read(self, count):
        for _ in range(count):
            self.acknowledged.append(self.process.stdout.readline().decode().strip())

    def kill(self):
        self.process.kill()
        rest, _ = self.process.communicate()
        whole = rest.decode().splitlines(keepends=True)
        return [*self.acknowledged, *(line.strip() for line in whole if line.endswith("\n"))]


def stored(folder):
    log = DeltaRequestLog(folder)
    replay_left_behind(folder, log, batch_records=1000)
    rows = log.read(model="m")
    labels = pl.read_delta(str(folder / "labels")) if (folder / "labels").exists() else pl.DataFrame()
    return rows, labels


@pytest.mark.timeout(180)
def test_with_a_journal_twenty_kills_lose_nothing_and_double_nothing(tmp_path):
    """Two processes at a time on one folder, each killed after another number of records."""
    folder = tmp_path / "log"
    moment = random.Random(20)
    acknowledged = []
    for turn in range(10):
        pair = [Running(folder, "journal", f"{turn}{name}") for name in "ab"]
        for each in pair:
            each.read(moment.randint(1, 600))
            acknowledged += each.kill()
    rows, labels = stored(folder)
    assert len(acknowledged) > 20
    assert set(acknowledged) <= set(rows["id"])
    assert rows["id"].n_unique() == rows.height
    assert set(acknowledged) <= set(labels["id"])
    assert labels["id"].n_unique() == labels.height
    assert not any((folder / "writers").glob("*.journal"))


@pytest.mark.timeout(120)
def test_in_batches_a_kill_costs_the_newest_records_and_no_others(tmp_path):
    """How new they were depends on the machine, about half a second; the test leaves room for a busy one."""
    folder = tmp_path / "log"
    lost = 0
    for turn in range(3):
        running = Running(folder, "batch", str(turn), callers=2)
        running.read(1500)
        killed_at = datetime.now(UTC)
        acknowledged = running.kill()
        rows, _ = stored(folder)
        mine = rows.filter(pl.col("id").str.starts_with(f"{turn}-"))
        kept = [key for key in acknowledged if key in set(mine["id"])]
        missing = len(acknowledged) - len(kept)
        lost += missing
        assert acknowledged[: len(kept) - 2] == kept[: len(kept) - 2]  # two callers may overtake each other
        assert mine.height == mine["id"].n_unique()
        assert (killed_at - mine["at"].max()).total_seconds() < 5
    assert lost
