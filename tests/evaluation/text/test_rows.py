"""Row scores: what scorers see, what they may not do, and that nothing vanishes."""

import importlib

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.carried import carried
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.run import measure
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.text.builtin import TEXT_METRICS
from evaluation.text.config import TextConfig
from evaluation.text.declare import mean_of, sums_of
from evaluation.text.rows import Scored, TextRows, references_of, score_rows, unready
from evaluation.types import Outputs, Task


def words(rows: TextRows) -> np.ndarray:
    """Words in an answer."""
    return np.array([len(answer.split()) for answer in rows.answers], dtype=float)


def letters(rows: TextRows) -> np.ndarray:
    """Letters that are an a, and letters."""
    return np.array([[answer.count("a"), len(answer)] for answer in rows.answers], dtype=float)


WORDS = mean_of(words, range=(0, 100), ranked=True)
SHARE_OF_A = sums_of(letters, lambda sums: sums[:, 0] / sums[:, 1], name="share_of_a")


def outputs(*answers: str | None, **facts: list[object]) -> Outputs:
    return Outputs(np.array(answers, dtype=object), facts=pl.DataFrame(facts) if facts else None)


def scored(said: Outputs, *metrics, target=None):
    n = len(said.labels)
    target = np.array(["a b"] * n, dtype=object) if target is None else target
    return score_rows(said, metrics, target=target, inputs=pl.DataFrame({"case": range(n)}))


def test_a_row_without_answer_has_no_score_and_no_scorer_sees_it() -> None:
    found = scored(outputs("one", None, "one two"), WORDS)
    np.testing.assert_array_equal(found.row_scores["words"], [1, np.nan, 2])


def test_sums_keep_their_columns() -> None:
    found = scored(outputs("aab", None), SHARE_OF_A)
    np.testing.assert_array_equal(found.row_scores["share_of_a"], [[2, 3], [np.nan, np.nan]])


def test_the_facts_of_the_answers_that_are_there_go_with_them() -> None:
    seen = []

    def look(rows: TextRows) -> np.ndarray:
        seen.append((rows.prompts, rows.column("case"), rows.fact("cost").tolist(), rows.references))
        return np.zeros(rows.n)

    said = outputs("x", None, "y", prompt=["p", "q", None], cost=[0.5, None, 1.0])
    scored(said, mean_of(look), target=np.array([["a", "b"], "c", None], dtype=object))
    assert seen == [(["p", ""], [0, 2], [0.5, 1.0], [("a", "b"), ()])]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (lambda rows: 1 / 0, "ZeroDivisionError"),
        (lambda rows: np.zeros(rows.n + 1), "shape"),
        (lambda rows: np.float64(1), "shape"),
        (lambda rows: Scored.nothing(rows.n, "the judge is void"), "the judge is void"),
        (lambda rows: carried("no-such", "x", install="pip install no-such"), "pip install no-such"),
        (
            lambda rows: importlib.import_module("no_such"),
            "no_such is not installed: pip install 'weighbridge",
        ),
    ],
)
def test_a_scorer_that_fails_is_a_record_and_inconclusive(values, problem) -> None:
    def odd(rows: TextRows):
        return values(rows)

    metric = mean_of(odd)
    found = scored(outputs(*["x"] * 60), metric)
    assert np.isnan(found.row_scores["odd"]).all()
    answers = Answers(np.array(["x"] * 60, dtype=object), pl.DataFrame(), found)
    gate = GateConfig(checks=({"metric": "odd", "at_least": 0.5},))
    [item] = measure(answers, task=Task.GENERATION, gate=gate, metrics={"odd": metric}, overview=()).items
    assert item.estimate.value is None
    assert "no value for 60 of 60 answers" in item.estimate.problem
    assert problem in item.estimate.problem


def test_what_is_not_installed_stops_its_own_metric_only() -> None:
    def missing(rows: TextRows) -> np.ndarray:
        return np.array([carried("no-such", "x", install="pip install no-such")])

    found = scored(outputs("one", "one two"), mean_of(missing), WORDS)
    assert np.isnan(found.row_scores["missing"]).all()
    assert found.row_scores["words"].tolist() == [1, 2]


def test_what_is_missing_is_known_before_there_are_answers() -> None:
    def missing(rows: TextRows) -> np.ndarray:
        return np.array([carried("no-such", "x", install="pip install no-such")])

    def unimportable(rows: TextRows) -> np.ndarray:
        return importlib.import_module("no_such").scores(rows)

    def wants_answers(rows: TextRows) -> np.ndarray:
        return np.array([rows.answers[0]])

    def untold(rows: TextRows) -> np.ndarray:
        return np.array(rows.column("facts"))

    cases = pl.DataFrame({"title": ["MUG"]})
    metrics = [mean_of(scorer) for scorer in (missing, unimportable, wants_answers)]
    found = unready([*metrics, WORDS, METRICS["accuracy"]], cases, TextConfig())
    assert list(found) == ["missing", "unimportable"]
    assert all("not installed: pip install" in problem for problem in found.values())
    with pytest.raises(UserError, match="no column 'facts'"):
        unready([mean_of(untold)], cases, TextConfig())


@pytest.mark.parametrize("metric", TEXT_METRICS, ids=lambda metric: metric.name)
def test_every_scorer_takes_no_answers(metric) -> None:
    """Or says what it was not told: so that `unready` finds what is missing."""
    cases = pl.DataFrame(schema=dict.fromkeys(("question", "right", "facts"), pl.String))
    told = {"ragas": {"judge": {}, "contexts": "right", "tool_calls": "right"}, "documents": "right"}
    settings = TextConfig.model_validate(
        {"facts": "facts", "canary": "facts", "language": "en", "words": (1, 9), "pattern": ".*", **told}
    )
    if metric.name in ("valid_by_schema", "image_text_agreement"):
        pytest.skip("takes a file of the user's")
    values = metric.scorer(TextRows([], [], cases, settings=settings))
    assert len(values.values if isinstance(values, Scored) else values) == 0


def test_what_a_scorer_was_not_given_is_the_users_to_mend() -> None:
    def needs(rows: TextRows) -> np.ndarray:
        return np.array(rows.column("facts"))

    with pytest.raises(UserError, match="no column 'facts'"):
        scored(outputs("x"), mean_of(needs))


def test_a_failed_case_makes_its_checks_inconclusive_and_says_why() -> None:
    said = outputs(*["a b"] * 59, None, problem=[None] * 59 + ["timeout: no answer in 60 s"])
    answers = Answers(np.array(["x"] * 60, dtype=object), pl.DataFrame(), scored(said, WORDS))
    gate = GateConfig(checks=({"metric": "words", "at_least": 1},))
    [item] = measure(answers, task=Task.GENERATION, gate=gate, metrics={"words": WORDS}, overview=()).items
    assert item.estimate.value is None
    assert item.estimate.problem == (
        "the challenger gave no answer for 1 of 60 rows: timeout: no answer in 60 s"
    )


def test_a_metric_that_was_not_measured_is_undefined() -> None:
    rows = Sample(np.array(["x"] * 60), np.array(["y"] * 60, dtype=object))
    [answer] = estimate([Question(WORDS, rows)], Settings())
    assert "was not measured" in answer.estimate.problem


def test_mean_and_function_of_sums_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ab "), 30)) for _ in range(80)]
    answers = Answers(
        np.array(texts, dtype=object), pl.DataFrame(), scored(outputs(*texts), WORDS, SHARE_OF_A)
    )
    gate = GateConfig(checks=({"metric": "words", "at_least": 1}, {"metric": "share_of_a", "at_least": 0.1}))
    metrics = {"words": WORDS, "share_of_a": SHARE_OF_A}
    found = measure(answers, task=Task.GENERATION, gate=gate, metrics=metrics, overview=()).items
    assert found[0].estimate.value == pytest.approx(np.mean([len(text.split()) for text in texts]))
    whole = "".join(texts)
    assert found[1].estimate.value == pytest.approx(whole.count("a") / len(whole))
    assert all(item.estimate.low < item.estimate.value < item.estimate.high for item in found)


def test_repeats_of_a_case_are_one_unit() -> None:
    rng = np.random.default_rng(1)
    lengths = np.repeat(rng.integers(1, 30, 60), 5)
    said = scored(outputs(*[" ".join(["w"] * n) for n in lengths]), WORDS)
    frame = pl.DataFrame({"case": np.repeat(np.arange(60), 5)})
    answers = Answers(np.array(["x"] * 300, dtype=object), frame, said)
    gate = GateConfig(repeats=5, checks=({"metric": "words", "at_least": 1},))
    [item] = measure(answers, task=Task.GENERATION, gate=gate, metrics={"words": WORDS}, overview=()).items
    [alone] = measure(
        Answers(np.array(["x"] * 60, dtype=object), pl.DataFrame(), said.at(np.arange(60) * 5)),
        task=Task.GENERATION,
        gate=GateConfig(checks=gate.checks),
        metrics={"words": WORDS},
        overview=(),
    ).items
    assert (item.estimate.n, item.estimate.unit) == (60, "case")
    assert item.estimate.high - item.estimate.low == pytest.approx(alone.estimate.high - alone.estimate.low)


def test_references_are_one_text_or_several() -> None:
    lists = pl.Series([["a", None], [], None]).to_numpy()
    assert references_of(lists) == [("a",), (), ()]
