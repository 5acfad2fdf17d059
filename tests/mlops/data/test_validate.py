"""Good tables pass; each kind of bad table fails the check that is about it."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from evaluation.types import Task, Verdict
from mlops.config import DataConfig
from mlops.data.checks import DataCheck
from mlops.data.load import Dataset
from mlops.data.validate import Validation, validate, validation_from_json, validation_to_json

MakeDataset = Callable[..., Dataset]
People = Callable[..., pl.DataFrame]
Change = Callable[[People], pl.DataFrame]


def checked(dataset: Dataset, data: DataConfig, task: Task = Task.BINARY) -> dict[str, DataCheck]:
    return {check.name: check for check in validate(dataset, task=task, data=data).checks}


def test_good_tables_pass_every_check(dataset: MakeDataset, data: DataConfig) -> None:
    found = checked(dataset(), data)

    names = ["rows", "schema", "target", "class balance", "duplicates", "copies", "overlap", "features"]
    assert list(found) == names
    assert {check.verdict for check in found.values()} == {Verdict.PASS}


def with_default(*labels: object) -> Change:
    """Two hundred people whose targets repeat the given ones."""
    return lambda people: people(200, start=400).with_columns(
        pl.Series("default", [labels[number % len(labels)] for number in range(200)], strict=False)
    )


HOLDOUTS: dict[str, tuple[Change, str, str]] = {
    "empty": (lambda people: people(0), "rows", "holdout without a row"),
    "empty has no class": (lambda people: people(0), "class balance", "holdout holds no class at all"),
    "one class": (with_default(0), "class balance", "holdout holds one class only, 0"),
    "too few of a class": (
        with_default(*[1] + [0] * 39),
        "class balance",
        "holdout holds 5 rows of class 1, of at least 10",
    ),
    "no target in some rows": (
        with_default(0, 1, None, 0),
        "target",
        "50 of 200 holdout rows have no target",
    ),
    "target of another type": (with_default(0.0, 1.0), "schema", "'default' is Int64 in train and Float64"),
    "a class that train lacks": (with_default(0, 1, 2), "target", "3 classes (0, 1, 2), of two at most"),
    "a feature less": (
        lambda people: people(200, start=400).drop("age"),
        "schema",
        "the holdout lacks 'age'",
    ),
    "a column more": (
        lambda people: people(200, start=400).with_columns(segment=pl.lit("a")),
        "schema",
        "only the holdout has 'segment'",
    ),
    "another type": (
        lambda people: people(200, start=400).with_columns(pl.col("age").cast(pl.Float64)),
        "schema",
        "'age' is Int64 in train and Float64 in the holdout",
    ),
    "the training file again": (lambda people: people(400), "overlap", "train and holdout are the same file"),
    "rows of train": (
        lambda people: pl.concat([people(180, start=400), people(20)]),
        "overlap",
        "20 of 200 holdout rows (10.0%) occur in train",
    ),
    "rows of train under new ids": (
        lambda people: pl.concat(
            [people(180, start=400), people(20).with_columns(pl.col("customer_id") + 10_000)]
        ),
        "overlap",
        "20 of 200 holdout rows (10.0%) occur in train, 0.0% by chance",
    ),
    "a feature without values": (
        lambda people: people(200, start=400).with_columns(age=pl.lit(None, dtype=pl.Int64)),
        "features",
        "'age' is missing everywhere in holdout",
    ),
    "a feature of NaN": (
        lambda people: people(200, start=400).with_columns(income=pl.lit(float("nan"))),
        "features",
        "'income' is missing everywhere in holdout",
    ),
    "an infinite value": (
        lambda people: people(200, start=400).with_columns(
            income=pl.when(pl.col("age") == 20).then(float("inf")).otherwise(pl.col("income"))
        ),
        "features",
        "'income' is infinite somewhere in holdout",
    ),
}


@pytest.mark.parametrize("case", HOLDOUTS.values(), ids=HOLDOUTS.keys())
def test_a_bad_holdout_fails(
    dataset: MakeDataset, data: DataConfig, people: People, case: tuple[Change, str, str]
) -> None:
    holdout, name, message = case
    loaded = dataset(holdout=holdout(people))

    assert checked(loaded, data)[name].verdict is Verdict.FAIL
    assert message in checked(loaded, data)[name].message
    assert validate(loaded, task=Task.BINARY, data=data).verdict is Verdict.FAIL


TRAINS: dict[str, tuple[Change, str, str]] = {
    "empty": (lambda people: people(0), "rows", "train without a row"),
    "one class": (
        lambda people: people(400).with_columns(default=pl.lit(1)),
        "class balance",
        "train holds one class only, 1",
    ),
    "a class in the holdout only": (
        lambda people: people(400).with_columns(default=pl.lit(1)),
        "target",
        "class 0 occurs in the holdout only",
    ),
    "everything twice": (
        lambda people: pl.concat([people(300), people(300)]),
        "duplicates",
        "300 of 600 train rows (50.0%) repeat an earlier one",
    ),
    "a feature that varies later": (
        lambda people: people(400).with_columns(age=pl.lit(30, dtype=pl.Int64)),
        "features",
        "'age' never varies in train, but does in the holdout",
    ),
    "fractions as classes": (
        lambda people: people(400).with_columns(default=pl.col("default") * 0.5),
        "target",
        "fractions are no classes; for numbers set task: regression",
    ),
    "dates as classes": (
        lambda people: people(400).with_columns(default=pl.date(2024, 1, 1)),
        "target",
        "Date is no class",
    ),
}


@pytest.mark.parametrize("case", TRAINS.values(), ids=TRAINS.keys())
def test_a_bad_train_table_fails(
    dataset: MakeDataset, data: DataConfig, people: People, case: tuple[Change, str, str]
) -> None:
    train, name, message = case
    found = checked(dataset(train=train(people)), data)[name]

    assert found.verdict is Verdict.FAIL
    assert message in found.message


def test_tables_of_different_schema_cannot_be_compared(
    dataset: MakeDataset, data: DataConfig, people: People
) -> None:
    found = checked(dataset(holdout=people(200, start=400).drop("age")), data)

    assert found["overlap"].verdict is Verdict.INCONCLUSIVE


def test_the_order_of_columns_is_free(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    holdout = people(200, start=400).select("default", "city", "age", "income", "customer_id")

    assert validate(dataset(holdout=holdout), task=Task.BINARY, data=data).verdict is Verdict.PASS


@pytest.mark.parametrize("labels", [(True, False), ("yes", "no", "no"), (1.0, 0.0, 0.0)])
def test_classes_may_be_of_any_kind(
    dataset: MakeDataset, data: DataConfig, people: People, labels: tuple[object]
) -> None:
    column = pl.Series("default", [labels[number % len(labels)] for number in range(600)])
    train = people(400).with_columns(column[:400])
    holdout = people(200, start=400).with_columns(column[400:])

    assert validate(dataset(train, holdout), task=Task.BINARY, data=data).verdict is Verdict.PASS


def test_nan_is_no_class(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    numbers = pl.when(pl.col("age") == 20).then(float("nan")).otherwise(pl.col("default").cast(pl.Float64))
    loaded = dataset(
        *(table.with_columns(default=numbers) for table in (people(400), people(200, start=400)))
    )

    found = checked(loaded, data)

    assert found["target"].verdict is Verdict.FAIL
    assert list(found["class balance"].detail["counts"]["train"]) == ["0.0", "1.0"]


def test_more_classes_than_two(dataset: MakeDataset, data: DataConfig) -> None:
    loaded = dataset(target="city")

    assert checked(loaded, data.model_copy(update={"target": "city"}))["target"].verdict is Verdict.FAIL
    found = checked(loaded, data.model_copy(update={"target": "city"}), Task.MULTICLASS)
    assert found["class balance"].verdict is Verdict.PASS
    assert found["class balance"].detail["counts"]["holdout"] == {"Hualien": 67, "Tainan": 67, "Taipei": 66}


REGRESSION = {
    "numbers": ("income", lambda frame: frame, Verdict.PASS, "suits task regression"),
    "text": ("city", lambda frame: frame, Verdict.FAIL, "String is no number"),
    "one value": (
        "income",
        lambda frame: frame.with_columns(income=pl.lit(1.0)),
        Verdict.FAIL,
        "every value is the same",
    ),
    "infinite": (
        "income",
        lambda frame: frame.with_columns(income=pl.col("income") / (pl.col("age") - 18)),
        Verdict.FAIL,
        "values are infinite",
    ),
    "NaN": (
        "income",
        lambda frame: frame.with_columns(income=pl.col("income").replace(1000.0, float("nan"))),
        Verdict.FAIL,
        "1 of 400 train rows have no target",
    ),
}


@pytest.mark.parametrize("case", REGRESSION.values(), ids=REGRESSION.keys())
def test_regression_targets(
    dataset: MakeDataset, data: DataConfig, people: People, case: tuple[Any, ...]
) -> None:
    target, change, verdict, message = case
    loaded = dataset(change(people(400)), change(people(200, start=400)), target=target)
    found = checked(loaded, data.model_copy(update={"target": target}), Task.REGRESSION)

    assert found["target"].verdict is verdict
    assert message in found["target"].message
    assert "class balance" not in found


def coarse(people: People, rows: int, *, start: int = 0) -> pl.DataFrame:
    """People of whom only city and target are known: six different rows at most."""
    return people(rows, start=start).select("city", "default")


def test_repeats_of_coarse_tables_are_natural(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    found = checked(dataset(coarse(people, 400), coarse(people, 200, start=401), ignore=()), data)

    assert found["duplicates"].verdict is Verdict.PASS
    assert "natural" in found["duplicates"].message
    assert found["overlap"].verdict is Verdict.PASS
    assert "200 of 200 holdout rows (100.0%) occur in train, 100.0% by chance" in found["overlap"].message


def test_ids_tell_copies_from_look_alikes(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    ids = people(400).select("customer_id", "city", "default")
    leaked = pl.concat([ids.head(60), people(140, start=400).select("customer_id", "city", "default")])

    found = checked(dataset(ids, leaked), data)["overlap"]

    assert found.verdict is Verdict.FAIL
    assert "60 are the same in every column, ids included" in found.message


def test_a_few_look_alikes_do_not_block(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    few = pl.concat([people(196, start=400), people(4).with_columns(pl.col("customer_id") + 10_000)])

    assert checked(dataset(holdout=few), data)["overlap"].verdict is Verdict.PASS


def test_look_alikes_in_train_are_told_but_pass(
    dataset: MakeDataset, data: DataConfig, people: People
) -> None:
    twins = pl.concat([people(300), people(300).with_columns(pl.col("customer_id") + 10_000)])

    found = checked(dataset(train=twins), data)["duplicates"]

    assert found.verdict is Verdict.PASS
    assert "0 of 600 train rows (0.0%) repeat an earlier one; 300 but for ignored columns" in found.message


def test_categories_are_compared_by_name(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    train = people(400).with_columns(pl.col("city").cast(pl.Categorical))
    holdout = people(40).sort("city", descending=True).with_columns(pl.col("city").cast(pl.Categorical))

    assert checked(dataset(train, holdout), data)["overlap"].detail["content"]["rows"] == 40


def test_a_feature_that_never_varies_is_told(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    loaded = dataset(
        people(400).with_columns(bank=pl.lit("A")), people(200, start=400).with_columns(bank=pl.lit("A"))
    )
    found = checked(loaded, data)["features"]

    assert found.verdict is Verdict.PASS
    assert found.message == "4 features with values; constant: bank"


@pytest.mark.parametrize("kind", ["list", "struct", "datetime", "binary"])
def test_columns_of_every_type_are_checked(
    dataset: MakeDataset, data: DataConfig, people: People, kind: str
) -> None:
    made = {
        "list": pl.concat_list("age", "customer_id"),
        "struct": pl.struct("age", "city"),
        "datetime": pl.datetime(2024, 1, 1) + pl.duration(days="customer_id"),
        "binary": pl.col("city").cast(pl.Binary),
    }[kind]
    tables = [people(400), people(200, start=400)]

    loaded = dataset(*(table.with_columns(made.alias("extra")) for table in tables))

    assert validate(loaded, task=Task.BINARY, data=data).verdict is Verdict.PASS


def test_json_there_and_back(dataset: MakeDataset, data: DataConfig, people: People) -> None:
    found = validate(dataset(holdout=people(0)), task=Task.BINARY, data=data)

    text = json.dumps(validation_to_json(found), allow_nan=False)

    assert validation_from_json(json.loads(text)) == found
    assert json.loads(text)["verdict"] == "fail"
    assert set(json.loads(text)["checks"][0]) == {"name", "verdict", "message", "detail"}


def test_the_verdict_is_worked_out_from_the_checks() -> None:
    content = {
        "verdict": "pass",
        "checks": [{"name": "rows", "verdict": "fail", "message": "", "detail": {}}],
    }

    assert validation_from_json(content).verdict is Verdict.FAIL
    assert Validation(()).verdict is Verdict.INCONCLUSIVE


def test_progress_ends_at_one(dataset: MakeDataset, data: DataConfig) -> None:
    seen: list[float] = []
    validate(dataset(), task=Task.BINARY, data=data, progress=seen.append)

    assert seen == [1.0]


@pytest.mark.parametrize(("copies", "verdict"), [(0, Verdict.PASS), (2, Verdict.PASS), (20, Verdict.FAIL)])
def test_copies_in_the_holdout_are_no_evidence(
    copies: int, verdict: Verdict, dataset: MakeDataset, data: DataConfig, people: People
) -> None:
    rows = people(200, start=400)
    found = checked(dataset(holdout=pl.concat([rows, rows.head(copies)])), data)["copies"]
    assert found.verdict is verdict
    assert found.message.startswith(f"{copies} of {200 + copies} holdout rows")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("city", (Verdict.INCONCLUSIVE, "200 holdout rows have city Kaohsiung, which train never had")),
        ("age", (Verdict.PASS, "train has every value of age")),
        ("income", (Verdict.PASS, "train has every value of income")),
        ("absent", (Verdict.PASS, "train has every value of absent")),
    ],
)
def test_a_group_that_train_never_had_is_no_pass(
    column: str, expected: tuple[Verdict, str], dataset: MakeDataset, data: DataConfig, people: People
) -> None:
    made = dataset(holdout=people(200, start=400).with_columns(pl.lit("Kaohsiung").alias("city")))
    found = validate(made, task=Task.BINARY, data=data, groups=[column])
    [check] = [check for check in found.checks if check.name == "groups"]
    assert (check.verdict, check.message) == expected
