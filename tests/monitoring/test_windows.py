"""Which records are looked at, read from a real log."""

from datetime import timedelta

import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from monitoring.config import MonitorConfig
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog
from monitoring.windows import read_reference, read_windows


def _records(now, rows, *, version="3", model="lending", start=0):
    return [
        RequestRecord(
            id=f"{model}-{version}-{row}",
            at=now + timedelta(seconds=row),
            model=model,
            version=version,
            release_id="r",
            latency_ms=5.0,
            label=1,
            score=0.7,
            inputs={"age": row},
        )
        for row in range(start, start + rows)
    ]


@pytest.fixture
def log(tmp_path, now):
    log = DeltaRequestLog(tmp_path / "log")
    log.append(_records(now, 300))
    log.append(_records(now, 50, version="2", start=300))
    log.append(_records(now, 50, model="flights"))
    log.append_labels([LabelRecord(f"lending-3-{row}", now + timedelta(hours=1), 1) for row in range(40)])
    return log


@pytest.mark.parametrize(
    ("performance", "current", "history"),
    [([], (200, 299), 100), ([{"metric": "recall", "at_least": 0}], (200, 299), 250)],
)
def test_the_window_is_the_newest_of_one_version_and_the_history_reaches_further_back(
    log, make_frame, performance, current, history
):
    config = MonitorConfig.model_validate(
        {"window_records": 100, "labels": {"history_records": 250}, "performance": performance}
    )
    windows = read_windows(log, model="lending", version="3", reference=make_frame(10), config=config)
    ages = windows.current["input.age"].to_list()
    assert (ages[0], ages[-1], len(ages)) == (*current, 100)
    assert windows.history.height == history
    assert windows.history["input.age"][-1] == 299
    assert set(windows.history["version"]) == {"3"}


def test_an_empty_log_gives_empty_windows(tmp_path, make_frame):
    windows = read_windows(
        DeltaRequestLog(tmp_path),
        model="lending",
        version="3",
        reference=make_frame(10),
        config=MonitorConfig(),
    )
    assert (windows.current.height, windows.history.height) == (0, 0)


def test_a_reference_comes_back(tmp_path, make_frame):
    make_frame(30).write_parquet(tmp_path / "reference.parquet")
    assert read_reference(tmp_path / "reference.parquet").equals(make_frame(30))


@pytest.mark.parametrize(
    ("content", "error", "found"),
    [
        (None, UserError, "no reference frame at"),
        (b"no parquet", EnvironmentProblem, "can't be read"),
        (pl.DataFrame({"age": [1]}), UserError, "holds 1 rows of age"),
        (pl.DataFrame({"prediction": [], "score": []}), UserError, "holds 0 rows"),
    ],
)
def test_a_reference_that_is_none_says_what_to_do(tmp_path, content, error, found):
    path = tmp_path / "reference.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        content.write_parquet(path)
    with pytest.raises(error, match=found) as caught:
        read_reference(path)
    assert caught.value.next_step.startswith("weighbridge deploy")
