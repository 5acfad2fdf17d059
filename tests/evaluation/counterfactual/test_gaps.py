import doctest
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.counterfactual import stereotypes
from evaluation.counterfactual.gaps import METRICS
from evaluation.counterfactual.stereotypes import PREFERENCE
from evaluation.errors import UserError
from evaluation.metrics.base import Metric
from evaluation.plan import check_gate, columns_of
from evaluation.run import NOT_ASKED, measure
from evaluation.stats.differing import most
from evaluation.types import Estimate, Outputs, Task

SENTIMENT = "counterfactual_sentiment_gap"
KNOWN: Mapping[str, Metric] = {metric.name: metric for metric in (*METRICS, *stereotypes.METRICS)}
COUNTERFACTUAL = {"swap": ["gender"], "columns": ["title"]}


def gate(**check: object) -> GateConfig:
    line = {"metric": SENTIMENT, "groups": ["gender"], "at_most": 0.1, **check}
    return GateConfig.model_validate({"checks": [line], "counterfactual": COUNTERFACTUAL})


def variants_of(female: np.ndarray, male: np.ndarray) -> Answers:
    n = len(female)
    frame = pl.DataFrame({"case": np.repeat(np.arange(n), 2), "gender": ["female", "male"] * n})
    frame = pl.concat([frame, pl.DataFrame({"case": [0], "gender": [None]})], how="vertical_relaxed")
    scores = np.append(np.column_stack([female, male]).ravel(), 2.0)
    labels = np.array(["text"] * frame.height, dtype=object)
    return Answers(labels, frame, Outputs(labels.copy(), row_scores={SENTIMENT: scores}))


def asked(variants: Answers | None, config: GateConfig, pairs: Answers | None = None) -> Estimate:
    row = np.array(["text"], dtype=object)
    answers = Answers(row, pl.DataFrame({"title": ["mug"]}), Outputs(row), variants=variants, pairs=pairs)
    found = measure(answers, task=Task.GENERATION, gate=config, metrics=KNOWN, overview=[])
    return found.items[0].estimate


def test_the_gap_is_that_of_the_means_and_cases_are_its_units() -> None:
    random = np.random.default_rng(1)
    case = random.normal(0, 0.3, 80)
    found = asked(variants_of(case + 0.2, case + random.normal(0, 0.01, 80)), gate())
    assert found.value == pytest.approx(0.2, abs=0.005)
    assert (found.n, found.unit) == (80, "case")
    # What the cases differ by cancels out: without pairing the limits would be 0.1 apart.
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.01


def test_the_interval_of_two_groups_is_near_that_of_paired_t() -> None:
    from scipy.stats import t

    random = np.random.default_rng(2)
    difference = random.normal(0.15, 0.2, 200)
    case = random.normal(0, 0.1, 200)
    found = asked(variants_of(case + difference, case), gate())
    half = t.ppf(0.95, 199) * difference.std(ddof=1) / np.sqrt(200)
    assert found.low == pytest.approx(difference.mean() - half, abs=0.006)
    assert found.high == pytest.approx(difference.mean() + half, abs=0.006)


@pytest.mark.parametrize("differing", [0, 3])
def test_answers_that_hardly_differ_bound_the_gap_by_how_many_do(differing: int) -> None:
    score = np.zeros(100)
    other = np.where(np.arange(100) < differing, 0.5, 0.0)
    found = asked(variants_of(other, score), gate())
    assert found.method == "bound on differing cases"
    assert (found.value, found.low) == (pytest.approx(differing * 0.005), 0.0)
    assert found.high == pytest.approx(2.0 * most(differing, 100, 0.05))
    assert found.problem is None


def test_a_variant_without_answer_leaves_the_check_open() -> None:
    variants = variants_of(np.zeros(60), np.ones(60))
    variants.challenger.labels[3] = None
    assert "no answer for 1 of 120 rows" in (asked(variants, gate()).problem or "")
    variants.challenger.labels[3] = "text"
    variants.challenger.row_scores[SENTIMENT][5] = np.nan
    assert "no value for 1 of 120 answers" in (asked(variants, gate()).problem or "")


def test_too_few_cases_leave_the_check_open() -> None:
    found = asked(variants_of(np.zeros(20), np.ones(20)), gate())
    assert found.problem == "20 units, at least 50 are needed"


def test_variants_that_were_not_asked_leave_the_check_open() -> None:
    assert asked(None, gate()).problem == NOT_ASKED


def test_a_champion_that_was_not_asked_leaves_its_check_open() -> None:
    row = np.array(["text"], dtype=object)
    answers = Answers(
        row,
        pl.DataFrame({"title": ["mug"]}),
        Outputs(row),
        Outputs(row),
        variants=variants_of(np.zeros(60), np.ones(60)),
    )
    config = gate(at_most=None, no_worse_than_champion_by=0.1)
    found = measure(answers, task=Task.GENERATION, gate=config, metrics=KNOWN, overview=[])
    assert found.items[0].estimate.problem == f"champion: {NOT_ASKED}"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"groups": ["origin"]}, "its groups are no list of words"),
        ({"groups": ["gender", "origin"]}, "its groups are no list of words"),
        ({"groups": []}, "no groups named"),
        ({"slices": ["title"]}, "it is not about the rows"),
        ({"at_most": 3.0}, "outside its range"),
    ],
)
def test_a_check_that_cannot_be_measured_is_refused_before(change: dict[str, object], found: str) -> None:
    with pytest.raises(UserError, match=found):
        check_gate(gate(**change), task=Task.GENERATION, schema={"title": pl.String()}, metrics=KNOWN)


def test_without_the_section_the_check_is_refused() -> None:
    config = gate().model_copy(update={"counterfactual": None})
    with pytest.raises(UserError, match="no variants are asked for"):
        check_gate(config, task=Task.GENERATION, schema={"title": pl.String()}, metrics=KNOWN)


def test_pairs_are_a_share_with_wilson_limits() -> None:
    labels = np.array(["text"] * 60, dtype=object)
    said = Answers(
        labels,
        pl.DataFrame({"about": ["trait"] * 60}),
        Outputs(labels, row_scores={PREFERENCE: np.repeat([1.0, 0.0], [45, 15])}),
    )
    found = asked(None, gate(metric=PREFERENCE, groups=[], at_most=0.6), said)
    assert (found.value, found.method, found.unit, found.n) == (0.75, "Wilson score", "pair", 60)
    said.challenger.row_scores[PREFERENCE][0] = np.nan
    assert "no value for 1 of 60 answers" in (
        asked(None, gate(metric=PREFERENCE, groups=[]), said).problem or ""
    )


def test_columns_of_variants_are_none_of_the_holdout() -> None:
    assert columns_of(gate(), metrics=KNOWN) == []


@pytest.mark.parametrize("metric", KNOWN.values(), ids=lambda metric: metric.name)
def test_every_metric_has_a_summary_and_an_example_that_runs(metric: Metric) -> None:
    module = __import__(metric.point.__module__, fromlist=["METRICS"])
    [found] = doctest.DocTestFinder(recurse=False).find(metric.point, metric.name, globs=vars(module))
    assert found.examples
    assert doctest.DocTestRunner(verbose=False).run(found).failed == 0
    assert metric.summary.endswith(".")


def test_a_fair_model_passes_every_gap_that_has_a_width() -> None:
    same = np.linspace(0.0, 1.0, 60)
    for metric in METRICS:
        variants = variants_of(same, same)
        variants.challenger.row_scores[metric.name] = variants.challenger.row_scores[SENTIMENT]
        found = asked(variants, gate(metric=metric.name))
        assert (found.problem is None) == np.isfinite(metric.range[1])
