"""What the lending example tells: a fault that ROC AUC does not show, and the script that made the tables."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import equalized_odds_difference
from sklearn.metrics import roc_auc_score

from mlops.config import FILE_NAME, load_policy
from mlops.data.load import load
from mlops.data.table import read_table

Folder = Callable[[str], Path]
Module = Callable[[str, str], ModuleType]

GOOD_LINE = "  train: data/train.parquet\n"
FAULTY_LINE = "  train: data/train-early.parquet\n"


@pytest.fixture
def scores(folder: Folder, module: Module):
    """Train as the policy says, on the named table; gives the holdout and its scores."""

    def train(table: str) -> tuple[pl.DataFrame, np.ndarray]:
        policy = load_policy(folder("lending") / FILE_NAME)
        changed = policy.model_copy(update={"data": policy.data.model_copy(update={"train": table})})
        dataset = load(folder("lending"), changed.data)
        model = module("lending", "train").train(
            dataset.train.select(dataset.features).to_pandas(),
            dataset.train["default"].to_pandas(),
            seed=policy.train.seed,
            **policy.train.params,
        )
        features = dataset.evaluate.select(dataset.features).to_pandas()
        return dataset.evaluate, model.predict_proba(features)[:, 1]

    return train


def gap(holdout: pl.DataFrame, scores: np.ndarray, group: str) -> float:
    predicted = (scores >= 0.5).astype(int)
    return equalized_odds_difference(
        holdout["default"].to_numpy(), predicted, sensitive_features=holdout[group].to_numpy()
    )


def test_the_fault_shows_in_one_group_and_hardly_in_roc_auc(scores) -> None:
    holdout, good = scores("data/train.parquet")
    _, faulty = scores("data/train-early.parquet")

    aucs = [roc_auc_score(holdout["default"], each) for each in (good, faulty)]
    assert aucs[1] > 0.77
    assert aucs[0] - aucs[1] < 0.015
    assert gap(holdout, good, "age_band") < 0.03
    assert gap(holdout, good, "sex") < 0.05
    assert gap(holdout, faulty, "age_band") > 0.3
    assert gap(holdout, faulty, "sex") < 0.05


def test_the_fault_is_one_line_of_the_policy(folder: Folder, tmp_path: Path) -> None:
    text = (folder("lending") / FILE_NAME).read_text()
    assert text.count(GOOD_LINE) == 1
    (tmp_path / FILE_NAME).write_text(text.replace(GOOD_LINE, FAULTY_LINE))

    changed, good = (load_policy(place / FILE_NAME) for place in (tmp_path, folder("lending")))

    assert changed.data.train == "data/train-early.parquet"
    assert changed.model_copy(update={"data": good.data}) == good


def test_the_early_export_differs_in_labels_of_the_young_only(folder: Folder) -> None:
    train, early = (
        read_table(folder("lending") / f"data/{name}.parquet") for name in ("train", "train-early")
    )

    assert early.drop("default").equals(train.drop("default"))
    changed = train.filter(train["default"] != early["default"])
    assert changed.height == 906
    assert changed["default"].unique().to_list() == [1]
    assert changed["age_band"].unique().to_list() == ["under_35"]


def test_protected_attributes_are_no_features(folder: Folder) -> None:
    policy = load_policy(folder("lending") / FILE_NAME)

    assert not {"sex", "marriage", "age_band"} & set(load(folder("lending"), policy.data).features)
    watched = {column for check in policy.gate.checks for column in check.groups}
    assert watched == {"sex", "age_band"}


def raw(**changes: int) -> pl.DataFrame:
    """One row as the source has it."""
    row = {"ID": 7, "LIMIT_BAL": 20000.0, "SEX": 1, "AGE": 34, "default-payment-next-month": 1}
    row |= {f"PAY_{number}": number for number in (0, 2, 3, 4, 5, 6)}
    row |= {f"BILL_AMT{number}": 10.0 * number for number in range(1, 7)}
    row |= {f"PAY_AMT{number}": 1.0 * number for number in range(1, 7)}
    row |= {f"EDUCATION_{number}": int(number == 2) for number in range(7)}
    row |= {f"MARRIAGE_{number}": int(number == 1) for number in range(4)}
    return pl.DataFrame({**row, **changes})


def test_a_row_is_decoded(module: Module) -> None:
    (row,) = module("lending", "make_data").tidy(raw()).to_dicts()

    assert (row["sex"], row["age_band"], row["education"], row["marriage"]) == (
        "female",
        "under_35",
        "university",
        "married",
    )
    assert (row["status_sep"], row["status_aug"], row["status_apr"]) == (0, 2, 6)
    assert (row["bill_sep"], row["bill_apr"], row["paid_sep"], row["paid_apr"]) == (10, 60, 1, 6)
    assert (row["customer_id"], row["default"]) == (7, 1)


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"SEX": 0}, "sex", "male"),
        ({"AGE": 35}, "age_band", "35_and_over"),
        ({"EDUCATION_2": 0, "EDUCATION_1": 1}, "education_group", "graduate_school"),
        ({"EDUCATION_2": 0, "EDUCATION_3": 1}, "education", "high_school"),
        ({"EDUCATION_2": 0, "EDUCATION_3": 1}, "education_group", "other"),
        ({"EDUCATION_2": 0, "EDUCATION_6": 1}, "education", "unknown"),
        ({"MARRIAGE_1": 0, "MARRIAGE_0": 1}, "marriage", "unknown"),
        ({"MARRIAGE_1": 0, "MARRIAGE_3": 1}, "marriage", "other"),
    ],
)
def test_codes_become_words(module: Module, changes: dict[str, int], column: str, value: str) -> None:
    assert module("lending", "make_data").tidy(raw(**changes))[column].to_list() == [value]


def test_sexes_are_as_many_as_uci_says(folder: Folder) -> None:
    """UCI: 1 male, 2 female; 11,888 and 18,112 rows of 30,000."""
    tables = [read_table(folder("lending") / f"data/{name}.parquet") for name in ("train", "holdout")]

    counts = dict(pl.concat(tables)["sex"].value_counts().iter_rows())
    assert counts == {"male": 11_888, "female": 18_112}


def test_the_draw_depends_on_its_arguments_only(module: Module) -> None:
    draw = module("lending", "make_data").draw

    drawn = [draw("holdout", number) for number in range(2000)]
    assert drawn[:2] == [draw("holdout", 0), draw("holdout", 1)]
    assert draw("holdout", 1) != draw("arrived", 1)
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.02)
    assert (min(drawn) >= 0, max(drawn) < 1) == (True, True)
