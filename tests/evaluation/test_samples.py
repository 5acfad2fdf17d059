"""Class codes, groups and slices from all kinds of columns."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.config import Bins
from evaluation.errors import UserError
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.samples import Model, models, slices, why_unmeasured, with_groups
from evaluation.types import Outputs, Task


def array(*values: Any) -> np.ndarray:
    kinds = {type(value) for value in values}
    return np.array(values, dtype=object if len(kinds) > 1 else None)


@pytest.mark.parametrize(
    ("target", "label", "codes"),
    [
        (array(0, 1, 1), array(1, 1, 0), ([0, 1, 1], [1, 1, 0])),
        (array(False, True, True), array(1, 1, 0), ([0, 1, 1], [1, 1, 0])),
        (array(0.0, 1.0, 1.0), array(True, True, False), ([0, 1, 1], [1, 1, 0])),
        (array("no", "yes", "yes"), array("yes", "yes", "no"), ([0, 1, 1], [1, 1, 0])),
        (array(-1, 1, 1), array(1, 1, -1), ([0, 1, 1], [1, 1, 0])),
        (array(1, 1, 1), array(1, 1, 1), ([1, 1, 1], [1, 1, 1])),
        (array(0, 0), array(0, 0), ([0, 0], [0, 0])),
        (np.array([0, 1], dtype=object), array(1, 0), ([0, 1], [1, 0])),
        (array(), array(), ([], [])),
    ],
)
def test_binary_codes(target: np.ndarray, label: np.ndarray, codes: tuple[list[int], list[int]]) -> None:
    [model] = models(Task.BINARY, target, [Outputs(label)])
    assert (model.sample.target.tolist(), model.sample.label.tolist()) == codes


def test_two_models_share_their_codes() -> None:
    target = array("a", "b", "c")
    mine, theirs = models(
        Task.MULTICLASS, target, [Outputs(array("a", "b", "b")), Outputs(array("d", "b", "c"))]
    )
    assert mine.sample.target.tolist() == theirs.sample.target.tolist() == [0, 1, 2]
    assert (mine.sample.label.tolist(), theirs.sample.label.tolist()) == ([0, 1, 1], [3, 1, 2])


@pytest.mark.parametrize(
    ("task", "target", "label", "found"),
    [
        (Task.BINARY, array(0, 1, 2), array(0, 1, 2), "3 classes in target and labels: 0, 1, 2"),
        (Task.BINARY, array(0, 1), array("0", "1"), "labels are 0, 1, the target's values are 0, 1"),
        (Task.BINARY, array(0, None), array(0, 1), "the target has no value in 1 of 2 rows"),
        (Task.BINARY, array(0.0, float("nan")), array(0, 1), "the target has no value in 1 of 2 rows"),
        (Task.BINARY, array(0, 1), array(0), "1 answers for 2 rows"),
        (Task.REGRESSION, array("a", "b"), array(0.0, 1.0), "the target is <U1"),
        (Task.REGRESSION, array(1.0, 2.0), array("a", "b"), "the model's answers are <U1"),
    ],
)
def test_what_does_not_fit_is_told(task: Task, target: np.ndarray, label: np.ndarray, found: str) -> None:
    with pytest.raises(UserError) as raised:
        models(task, target, [Outputs(label)])
    assert found in raised.value.found


def test_rows_without_answer_are_marked_and_made_harmless() -> None:
    outputs = Outputs(np.array([0, 1, 0]), np.array([0.2, 0.9, np.nan]))
    [model] = models(Task.BINARY, array(0, 1, 1), [outputs])
    assert model.unanswered.tolist() == [False, False, True]
    assert np.isfinite(model.sample.score).all()
    [model] = models(Task.BINARY, array("no", "yes"), [Outputs(array("no", None))])
    assert model.unanswered.tolist() == [False, True]


def test_groups_are_intersections_and_missing_values_are_a_group() -> None:
    frame = pl.DataFrame({"sex": ["f", "m", None, "f"], "old": [True, False, False, True]})
    sample = with_groups(Sample(np.zeros(4), np.zeros(4)), frame, ("sex", "old"))
    assert [sample.group_names[code] for code in sample.groups] == [
        "sex=f, old=true",
        "sex=m, old=false",
        "sex=(missing), old=false",
        "sex=f, old=true",
    ]


def test_slices_are_all_values_of_a_column() -> None:
    frame = pl.DataFrame({"k": [2.0, None, 1.0, 2.0, float("nan")]})
    found = {part.rows["k"]: part.mask.tolist() for part in slices(frame, "k")}
    assert found == {
        "(missing)": [False, True, False, False, True],
        "1.0": [False, False, True, False, False],
        "2.0": [True, False, False, True, False],
    }


def test_slices_of_a_pair_are_the_combinations_that_occur() -> None:
    frame = pl.DataFrame({"sex": ["f", "m", "f"], "age": [20, 50, 20]})
    found = slices(frame, ("sex", Bins(column="age", bins=(30.0,))))
    assert [(dict(part.rows), part.mask.tolist()) for part in found] == [
        ({"sex": "f", "age": "below 30"}, [True, False, True]),
        ({"sex": "m", "age": "30 and more"}, [False, True, False]),
    ]


@pytest.mark.parametrize(
    ("rows", "who", "expected"),
    [
        (None, None, "no answer for 2 of 4 rows: timeout"),
        (None, "the champion", "the champion gave no answer for 2 of 4 rows: timeout"),
        ([True, True, False, False], None, "no value for 1 of 2 answers: no reference"),
        (
            [True, True, False, False],
            "the challenger",
            "the challenger: no value for 1 of 2 answers: no reference",
        ),
        ([True, False, False, False], "the challenger", None),
        ([False, False, True, False], None, "no answer for 1 of 1 rows"),
    ],
)
def test_why_answers_can_not_be_weighed_is_said_of_the_rows_in_question(
    rows: list[bool] | None, who: str | None, expected: str | None
) -> None:
    said = Sample(
        np.array(["x"] * 4, dtype=object),
        np.array(["a", "b", None, None], dtype=object),
        row_scores={"exact_match": np.array([1.0, np.nan, np.nan, np.nan])},
        row_problems={"exact_match": np.array([None, "no reference", None, None], dtype=object)},
    )
    gone = np.array([False, False, True, True])
    model = Model(said, gone, "answer", np.array([None, None, None, "timeout"], dtype=object))
    mask = None if rows is None else np.array(rows)
    assert why_unmeasured(model, METRICS["exact_match"], mask, who=who) == expected
    assert why_unmeasured(model, METRICS["accuracy"], np.array([True, True, False, False])) is None
