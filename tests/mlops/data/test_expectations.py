"""The user's Great Expectations suite: its mistakes are named, its results are recorded."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.types import Task, Verdict
from mlops.config import DataConfig
from mlops.data import expectations as module
from mlops.data.checks import DataCheck
from mlops.data.load import Dataset
from mlops.data.validate import validate, validation_from_json, validation_to_json

MakeDataset = Callable[..., Dataset]
People = Callable[..., pl.DataFrame]
Run = Callable[..., dict[str, DataCheck]]


@pytest.fixture
def run(dataset: MakeDataset, data: DataConfig, tmp_path: Path) -> Run:
    """Validate tables with a suite given as text; gives the checks that are the suite's."""

    def start(suite: str, holdout: pl.DataFrame | None = None) -> dict[str, DataCheck]:
        path = tmp_path / "expectations.yaml"
        path.write_text(suite)
        found = validate(dataset(holdout=holdout), task=Task.BINARY, data=data, expectations=path)
        assert (
            validation_from_json(json.loads(json.dumps(validation_to_json(found), allow_nan=False))) == found
        )
        return {check.name: check for check in found.checks[8:]}

    return start


GOOD = """
- {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 18, max_value: 80}}
- {type: expect_column_values_to_be_unique, kwargs: {column: customer_id}, meta: {why: ids}}
- {type: expect_table_row_count_to_be_between, kwargs: {min_value: 100}}
"""


def test_a_suite_that_holds(run: Run) -> None:
    found = run(GOOD)

    assert list(found) == [
        "expect_column_values_to_be_between (age)",
        "expect_column_values_to_be_unique (customer_id)",
        "expect_table_row_count_to_be_between",
    ]
    assert {check.verdict for check in found.values()} == {Verdict.PASS}
    assert found["expect_table_row_count_to_be_between"].detail == {
        "train": {"observed_value": 400},
        "holdout": {"observed_value": 200},
    }


def test_a_suite_as_great_expectations_exports_it(run: Run) -> None:
    found = run(
        '{"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "age"}, '
        '"id": "4d0b", "severity": "critical"}]}'
    )

    assert found["expect_column_to_exist (age)"].verdict is Verdict.PASS


def test_unexpected_values_are_counted_and_shown(run: Run, people: People) -> None:
    holdout = people(200, start=400).with_columns(
        age=pl.when(pl.col("customer_id") < 403).then(pl.col("customer_id")).otherwise("age")
    )
    found = run(GOOD, holdout)["expect_column_values_to_be_between (age)"]

    assert found.verdict is Verdict.FAIL
    assert found.message == "holdout: 3 of 200 values are unexpected, such as 400, 401, 402"
    assert found.detail["holdout"]["examples"] == [400, 401, 402]
    assert found.detail["train"]["unexpected_count"] == 0


def test_mostly_is_respected(run: Run, people: People) -> None:
    holdout = people(200, start=400).with_columns(
        age=pl.when(pl.col("customer_id") < 403).then(7).otherwise("age")
    )
    line = "{type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 18, mostly: %s}}"

    assert [check.verdict for check in run(f"[{line % 0.98}]", holdout).values()] == [Verdict.PASS]
    assert [check.verdict for check in run(f"[{line % 0.99}]", holdout).values()] == [Verdict.FAIL]


def test_an_observed_value_is_told(run: Run) -> None:
    found = run("[{type: expect_column_mean_to_be_between, kwargs: {column: default, max_value: 0.1}}]")

    (check,) = found.values()
    assert check.verdict is Verdict.FAIL
    assert check.message == "train: observed 0.25; holdout: observed 0.25"


def test_results_are_json_values(run: Run, people: People) -> None:
    holdout = people(200, start=400).with_columns(
        income=pl.when(pl.col("age") == 20).then(float("inf")).otherwise("income")
    )
    found = run(
        """
        - {type: expect_column_max_to_be_between, kwargs: {column: age, max_value: 10}}
        - {type: expect_column_mean_to_be_between, kwargs: {column: income, max_value: 10}}
        - {type: expect_column_values_to_be_in_set, kwargs: {column: city, value_set: [Taipei]}}
        """,
        holdout,
    )

    highest, mean, city = (check.detail["holdout"] for check in found.values())
    assert highest == {"observed_value": 77}
    assert mean == {"observed_value": "inf"}
    assert sorted(city["examples"]) == ["Hualien", "Tainan"]


def test_two_lines_of_one_name_are_told_apart(run: Run) -> None:
    line = "{type: expect_column_values_to_be_between, kwargs: {column: age, min_value: %d}}"
    found = run(f"[{line % 18}, {line % 50}]")

    assert [(name, check.verdict) for name, check in found.items()] == [
        ("expect_column_values_to_be_between (age)", Verdict.PASS),
        ("expect_column_values_to_be_between (age) #2", Verdict.FAIL),
    ]


def test_what_cannot_be_worked_out_never_passes(run: Run) -> None:
    found = run("[{type: expect_column_values_to_be_between, kwargs: {column: city, min_value: 3}}]")

    (check,) = found.values()
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "could not be worked out" in check.message
    assert "Traceback" not in json.dumps(check.detail)


def test_a_library_that_fails_as_a_whole_is_recorded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def get_context(self, **_: object) -> None:
            raise RuntimeError("no context")

    monkeypatch.setattr(module, "quiet_great_expectations", Broken)
    found = run(GOOD)

    assert {check.verdict for check in found.values()} == {Verdict.INCONCLUSIVE}
    assert "RuntimeError: no context" in found["expect_table_row_count_to_be_between"].message


def test_a_line_without_an_answer_is_inconclusive(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ask", lambda *_: {})

    assert {check.verdict for check in run(GOOD).values()} == {Verdict.INCONCLUSIVE}


def test_nothing_is_sent_and_no_bar_is_drawn(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run(GOOD)

    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


BETWEEN = "expect_column_values_to_be_between"
BAD = {
    "not yaml": ("[{", "is not YAML", ""),
    "empty": ("", "holds no expectation", "remove data.expectations"),
    "empty list": ("[]", "holds no expectation", "remove data.expectations"),
    "a word": ("age", "holds no expectation", ""),
    "no type": ("- {kwargs: {column: age}}", "expectation 1 has no type", ""),
    "a list in it": ("- [1]", "expectation 1 has no type", ""),
    "unknown key": (f"- {{type: {BETWEEN}, kwarg: {{}}}}", "unknown key 'kwarg'", "did you mean 'kwargs'?"),
    "argument outside kwargs": (
        f"- {{type: {BETWEEN}, column: age}}",
        "unknown key 'column'",
        "under kwargs",
    ),
    "kwargs no mapping": (f"- {{type: {BETWEEN}, kwargs: [age]}}", "kwargs holds list", ""),
    "unknown type": (
        "- {type: expect_column_values_to_be_betwen, kwargs: {column: age}}",
        "knows no type 'expect_column_values_to_be_betwen'",
        f"did you mean '{BETWEEN}'?",
    ),
    "unknown argument": (
        f"- {{type: {BETWEEN}, kwargs: {{column: age, min_valu: 3}}}}",
        "expectation 1: min_valu: extra fields",
        "did you mean 'min_value'?",
    ),
    "wrong value": (
        f"- {{type: {BETWEEN}, kwargs: {{column: age, min_value: 1, mostly: 1.5}}}}",
        "mostly",
        "did you mean 'mostly'?",
    ),
    "argument missing": (f"- {{type: {BETWEEN}, kwargs: {{min_value: 3}}}}", "column: field required", ""),
    "no bound": (f"- {{type: {BETWEEN}, kwargs: {{column: age}}}}", "cannot both be None", ""),
    "unknown column": (
        f"- {{type: {BETWEEN}, kwargs: {{column: aeg, min_value: 3}}}}",
        "column 'aeg' is in neither table",
        "did you mean 'age'?",
    ),
    "unknown column in a pair": (
        "- {type: expect_column_pair_values_to_be_equal, kwargs: {column_A: age, column_B: agee}}",
        "column 'agee'",
        "did you mean 'age'?",
    ),
    "unknown column in a list": (
        "- {type: expect_compound_columns_to_be_unique, kwargs: {column_list: [age, citty]}}",
        "column 'citty'",
        "did you mean 'city'?",
    ),
}


@pytest.mark.parametrize(("suite", "found", "next_step"), BAD.values(), ids=BAD.keys())
def test_a_wrong_suite_is_a_users_error(run: Run, suite: str, found: str, next_step: str) -> None:
    with pytest.raises(UserError) as caught:
        run(suite)
    assert found in caught.value.found
    assert next_step in caught.value.next_step
    assert caught.value.expected


def test_a_missing_suite(dataset: MakeDataset, data: DataConfig, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no readable expectations"):
        validate(dataset(), task=Task.BINARY, data=data, expectations=tmp_path / "none.yaml")


def test_a_column_that_must_exist_may_be_absent(run: Run) -> None:
    (check,) = run("[{type: expect_column_to_exist, kwargs: {column: branch}}]").values()

    assert check.verdict is Verdict.FAIL


def test_an_empty_table_is_no_crash(run: Run, people: People) -> None:
    found = run(GOOD, people(0))

    assert found["expect_table_row_count_to_be_between"].verdict is Verdict.FAIL
