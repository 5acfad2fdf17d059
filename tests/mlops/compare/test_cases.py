"""Candidates are never chosen on the gate's rows, nor on rows that they learned from."""

import polars as pl
import pytest

from evaluation.errors import UserError
from mlops.compare.cases import cases

TWO = {"candidates": {"a": {}, "b": {"prompt": "facts.txt"}}}
PARAMS = {"candidates": {"a": {}, "b": {"strength": 2.0}}}


def test_texts_are_asked_about_every_row_of_train(shop):
    found = cases(shop(TWO))
    assert (found.path, found.asked.height, found.made_from.height) == ("train.csv", 60, 60)


def test_a_trained_model_is_asked_about_rows_that_it_was_not_trained_on(lending):
    found = cases(lending(PARAMS))
    assert (found.asked.height, found.made_from.height) == (240, 560)
    both = found.asked.join(found.made_from, on=["a", "b"], how="inner")
    assert both.height == 0
    assert found.asked.equals(cases(lending(PARAMS)).asked)


def test_units_are_held_back_whole(lending):
    project = lending(
        PARAMS | {"held_back": 0.25},
        gate={"unit": "customer", "checks": [{"metric": "accuracy", "at_least": 0.7}]},
    )
    found = cases(project)
    assert found.asked["customer"].value_counts()["count"].unique().to_list() == [2]
    assert found.asked["customer"].n_unique() == 100


def test_at_most_so_many_cases_are_drawn_and_the_same_ones_again(shop):
    first, again = (cases(shop(TWO | {"cases": 20})).asked for _ in range(2))
    assert first.height == 20
    assert first.equals(again)


@pytest.mark.parametrize("kind", ["the file", "a copy", "some rows"])
def test_the_gate_s_rows_are_refused(shop, tmp_path, kind):
    shop(TWO)
    holdout, train = pl.read_csv(tmp_path / "holdout.csv"), pl.read_csv(tmp_path / "train.csv")
    name = "holdout.csv" if kind == "the file" else "other.parquet"
    if kind != "the file":
        rows = holdout if kind == "a copy" else pl.concat([train, holdout[:10]])
        rows.write_parquet(tmp_path / name)
    project = shop(TWO | {"on": name})
    with pytest.raises(UserError, match="holdout") as caught:
        cases(project)
    assert "spend the error" in str(caught.value)


def test_a_trained_model_is_not_asked_about_other_files_with_its_rows(lending, tmp_path):
    lending(PARAMS)
    pl.read_parquet(tmp_path / "train.parquet")[:100].write_parquet(tmp_path / "seen.parquet")
    with pytest.raises(UserError, match=r"seen\.parquet beside data\.train"):
        cases(lending(PARAMS | {"on": "seen.parquet"}))


def test_another_file_of_new_rows_is_asked_whole(lending, tmp_path):
    project = lending(PARAMS | {"on": "more.parquet"})
    rows = pl.read_parquet(tmp_path / "train.parquet").with_columns(pl.col("a") + 10)
    rows.write_parquet(tmp_path / "more.parquet")
    found = cases(project)
    assert (found.path, found.asked.height, found.made_from.height) == ("more.parquet", 800, 800)


def test_a_file_without_the_target_is_refused(shop, tmp_path):
    project = shop(TWO | {"on": "other.csv"})
    pl.DataFrame({"title": ["a"], "facts": ["b"]}).write_csv(tmp_path / "other.csv")
    with pytest.raises(UserError, match=r"compare\.on: column 'text'"):
        cases(project)


def test_training_data_that_hold_the_gate_s_rows_are_refused_with_the_way_out(shop, tmp_path):
    project = shop(TWO)
    rows = [pl.read_csv(tmp_path / name) for name in ("train.csv", "holdout.csv")]
    pl.concat([rows[0], rows[1][:20]]).write_csv(tmp_path / "train.csv")
    with pytest.raises(UserError, match=r"20 of 60 holdout rows \(33\.3%\) occur in train\.csv") as caught:
        cases(project)
    assert "remove these rows from train.csv" in str(caught.value)
