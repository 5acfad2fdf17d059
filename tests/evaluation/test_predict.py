"""A model's answers are checked, and its time is taken, with models that misbehave in every way."""

import itertools
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from evaluation import predict as module
from evaluation.errors import UserError
from evaluation.predict import measure_latency, predict, unanswered
from evaluation.types import Outputs, Task

Answer = Callable[[pl.DataFrame], Outputs]


class Model:
    """Answers by a function, and keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[pl.DataFrame] = []

    def predict(self, features: pl.DataFrame) -> Outputs:
        self.asked.append(features)
        return self.answer(features)


def half(features: pl.DataFrame) -> Outputs:
    score = features["x"].to_numpy() / 100
    return Outputs((score >= 0.5).astype(int), score)


FEATURES = pl.DataFrame({"x": np.arange(100.0)})


def test_rows_are_asked_in_chunks_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 30)
    model, answered = Model(half), []
    outputs = predict(model, FEATURES, task=Task.BINARY, progress=answered.append)
    assert [frame.height for frame in model.asked] == [30, 30, 30, 10]
    assert outputs.scores == pytest.approx(np.arange(100) / 100)
    assert outputs.labels.tolist() == [0] * 50 + [1] * 50
    assert answered == [30, 60, 90, 100]


def test_parts_of_a_table_are_asked_one_after_the_other() -> None:
    parts = (FEATURES.slice(start, 40) for start in (0, 40, 80))
    outputs = predict(Model(half), parts, task=Task.BINARY)
    assert outputs.scores == pytest.approx(np.arange(100) / 100)


def test_no_rows_are_no_answers() -> None:
    model = Model(half)
    assert len(predict(model, FEATURES.head(0), task=Task.BINARY).labels) == 0
    assert model.asked == []


def failing(features: pl.DataFrame) -> Outputs:
    raise KeyError("age")


ZEROS = np.zeros(100)


@pytest.mark.parametrize(
    ("answer", "task", "found"),
    [
        (failing, Task.BINARY, "the model raised KeyError on rows 0 to 99"),
        (lambda f: Outputs(ZEROS[:99], None), Task.BINARY, "labels of shape (99,) for 100 rows"),
        (lambda f: Outputs(ZEROS, ZEROS[:1]), Task.BINARY, "scores of shape (1,) for 100 rows"),
        (lambda f: Outputs(np.float64(1.0)), Task.REGRESSION, "labels of shape () for 100 rows"),
        (lambda f: None, Task.BINARY, "the model raised AttributeError"),
        (lambda f: Outputs(ZEROS, np.array(["a"] * 100)), Task.BINARY, "the model raised ValueError"),
        (
            lambda f: Outputs(ZEROS, ZEROS - 3.2),
            Task.BINARY,
            "100 of 100 scores lie outside 0 to 1, from -3.2",
        ),
        (
            lambda f: Outputs(ZEROS, np.zeros((100, 2))),
            Task.BINARY,
            "scores of shape (100, 2) in a binary task",
        ),
        (lambda f: Outputs(ZEROS, ZEROS), Task.MULTICLASS, "scores of shape (100,) in a multiclass task"),
    ],
)
def test_what_is_no_answer_is_told(answer: Answer, task: Task, found: str) -> None:
    with pytest.raises(UserError) as raised:
        predict(Model(answer), FEATURES, task=task)
    assert found in raised.value.found
    assert raised.value.expected


def test_an_unknown_label_is_told() -> None:
    def answer(features: pl.DataFrame) -> Outputs:
        return Outputs(np.array(["yes", "maybe"] * 50, dtype=object))

    with pytest.raises(UserError) as raised:
        predict(Model(answer), FEATURES, task=Task.BINARY, classes=("no", "yes"))
    assert "labels that the target does not have: maybe" in raised.value.found
    assert raised.value.expected == "one of: no, yes"


def test_answers_that_are_not_finite_are_kept_and_found() -> None:
    def answer(features: pl.DataFrame) -> Outputs:
        outputs = half(features)
        scores = outputs.scores.copy()
        scores[[3, 5]] = np.nan, np.inf
        return Outputs(outputs.labels, scores)

    outputs = predict(Model(answer), FEATURES, task=Task.BINARY)
    assert np.flatnonzero(unanswered(outputs)).tolist() == [3, 5]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (Outputs(np.array([1.0, np.nan, -np.inf])), [False, True, True]),
        (Outputs(np.array(["a", None, float("nan")], dtype=object)), [False, True, True]),
        (Outputs(np.array([0, 1, 0])), [False, False, False]),
        (Outputs(np.array([0, 1, 0]), np.array([[0, 1], [np.nan, 1], [0, 1]])), [False, True, False]),
    ],
)
def test_rows_without_answer(outputs: Outputs, expected: list[bool]) -> None:
    assert unanswered(outputs).tolist() == expected


def test_latency_is_taken_of_single_rows_after_a_warm_up() -> None:
    # Two readings a request: 500 ms for each of the five that warm up, then 2 ms.
    steps = itertools.chain([0.5] * 10, itertools.repeat(0.002))
    ticks = itertools.accumulate(steps)
    model = Model(half)
    found = measure_latency(model, FEATURES, seed=1, requests=50, warmup=5, clock=lambda: next(ticks))
    assert found == pytest.approx(np.full(50, 2.0))
    assert len(model.asked) == 55
    assert all(frame.height == 1 for frame in model.asked)
    assert len({frame["x"].item() for frame in model.asked}) > 20


def test_the_seed_decides_which_rows_are_timed() -> None:
    def rows(seed: int) -> list[float]:
        model = Model(half)
        measure_latency(model, FEATURES, seed=seed, requests=20, warmup=0)
        return [frame["x"].item() for frame in model.asked]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_latency_needs_rows_and_answers() -> None:
    with pytest.raises(UserError, match="no rows to measure latency on"):
        measure_latency(Model(half), FEATURES.head(0), seed=1)
    with pytest.raises(UserError, match="raised KeyError"):
        measure_latency(Model(failing), FEATURES, seed=1)
