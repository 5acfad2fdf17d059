"""The corrected mean against the formulas of the paper, in a plain loop, and how often its limits miss."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.base import Corrected, Metric, Sample
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.stats.ppi import Scores, corrected_difference, corrected_mean
from evaluation.types import Direction, FloatArray, Task


def scores(seed: int, n: int = 300, labelled: int = 80, noise: float = 0.5) -> Scores:
    """A judge who is off by 0.4 on average and by `noise` besides; the first rows are labelled."""
    random = np.random.default_rng(seed)
    human = random.integers(1, 6, n).astype(float)
    return Scores(human + 0.4 + random.normal(0, noise, n), human, np.arange(n) < labelled)


def of_paper(found: Scores) -> tuple[float, float, float]:
    """Power, value and standard error as PPI++ has them: one power from all labelled rows at once."""
    y, f, rest = found.human[found.labelled], found.judge[found.labelled], found.judge[~found.labelled]
    n, many = len(y), len(rest)
    power = np.cov(y, f)[0, 1] / ((1 + n / many) * found.judge.var(ddof=1))
    value = power * rest.mean() + (y - power * f).mean()
    return power, value, np.sqrt(power**2 * rest.var(ddof=1) / many + (y - power * f).var(ddof=1) / n)


def test_value_is_that_of_a_plain_loop_over_the_labelled_rows() -> None:
    found = scores(1, n=120, labelled=60)
    powers = []
    for row in range(60):
        keep = np.arange(120) != row
        powers.append(of_paper(Scores(found.judge[keep], found.human[keep], found.labelled[keep]))[0])
        # The paper's N / n is of all rows; leaving out a labelled one changes n alone.
    left = found.human[:60] - np.array(powers) * found.judge[:60]
    expected = left.mean() + np.mean(powers) * found.judge[60:].mean()
    assert corrected_mean(found).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("noise", [0.1, 1.0, 20.0])
def test_with_many_labels_value_and_limits_are_those_of_the_paper(noise: float) -> None:
    found = scores(2, n=30_000, labelled=5_000, noise=noise)
    _, value, spread = of_paper(found)
    interval = corrected_mean(found)
    low, high = interval.limits(0.05)
    assert interval.value == pytest.approx(value, abs=spread / 50)
    assert (high - low) / 2 == pytest.approx(1.6449 * spread, rel=0.01)


def test_a_good_judge_narrows_the_limits_and_a_useless_one_does_not_widen_them() -> None:
    widths = {}
    for noise in (0.1, 50.0):
        found = scores(3, n=4_000, labelled=200, noise=noise)
        low, high = corrected_mean(found).limits(0.05)
        widths[noise] = high - low
    people = scores(3, n=4_000, labelled=200).human[:200]
    alone = 2 * 1.653 * people.std(ddof=1) / np.sqrt(200)
    assert widths[0.1] < 0.35 * alone
    assert widths[50.0] == pytest.approx(alone, rel=0.03)


def test_labels_of_all_rows_need_no_judge() -> None:
    found = scores(4, n=100, labelled=100)
    interval = corrected_mean(found)
    assert interval.value == pytest.approx(found.human.mean())
    assert corrected_mean(replace(found, judge=np.zeros(100))).value == pytest.approx(interval.value)
    assert interval.problem is None


def test_a_judge_that_says_one_thing_leaves_the_mean_of_the_labels() -> None:
    found = scores(5)
    assert corrected_mean(replace(found, judge=np.full(300, 3.7))).value == pytest.approx(
        found.human[:80].mean()
    )


def test_rows_of_a_unit_count_once() -> None:
    found = scores(6)
    five = np.repeat(np.arange(300), 5)
    repeated = Scores(found.judge[five], found.human[five], found.labelled[five], five)
    once, often = corrected_mean(found), corrected_mean(repeated)
    assert often.value == pytest.approx(once.value, abs=1e-3)
    assert often.limits(0.05) == pytest.approx(once.limits(0.05), abs=5e-3)


@pytest.mark.parametrize("labelled", [0, 49])
def test_too_few_labels_are_a_problem(labelled: int) -> None:
    interval = corrected_mean(scores(7, labelled=labelled))
    assert interval.problem == (
        f"people scored {labelled} of these answers, at least 50 are needed to correct the judge"
    )
    assert interval.value is None


def test_models_that_hardly_differ_where_people_looked_are_a_problem() -> None:
    mine = scores(8)
    theirs = replace(mine, judge=mine.judge.copy(), human=mine.human.copy())
    theirs.judge[:9] += 1
    theirs.judge[100:] += 1
    assert "on 9 of the labelled answers, at least 10" in (corrected_difference(mine, theirs).problem or "")


@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_a_judges_own_scale_does_not_matter(seed: int, shift: float, factor: float) -> None:
    found = scores(seed)
    other = replace(found, judge=shift + factor * found.judge)
    assert corrected_mean(other).value == pytest.approx(corrected_mean(found).value, abs=1e-7)
    assert corrected_mean(other).limits(0.05) == pytest.approx(corrected_mean(found).limits(0.05), abs=1e-7)


def test_limits_miss_as_often_as_stated() -> None:
    """400 samples of 50 labels from a judge that flatters; 5 % on either side, two standard errors allowed."""
    misses = np.zeros(2)
    for seed in range(400):
        found = scores(1000 + seed, n=500, labelled=50, noise=1.0)
        low, high = corrected_mean(found).limits(0.05)
        misses += low > 3, high < 3
    assert (misses / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)).all()


def test_a_metric_made_of_judge_and_labels_is_estimated_by_its_formula() -> None:
    """Its value and limits are the corrected ones, of one model and of a difference."""
    mine, theirs = scores(9), scores(10)
    sample, other = (
        Sample(np.zeros(300), np.arange(300) + seed, row_scores={"kind": columns(found)})
        for seed, found in enumerate((mine, theirs))
    )
    metric = Metric(
        name="kind",
        direction=Direction.HIGHER_IS_BETTER,
        range=(1, 5),
        tasks=frozenset({Task.GENERATION}),
        point=lambda sample: corrected_mean(Scores.of(sample.row_scores["kind"])).value or 0.0,
        design=Corrected(lambda sample: sample.row_scores["kind"]),
    )
    one, two = estimate([Question(metric, sample), Question(metric, sample, other)], Settings())
    for answer, interval in ((one, corrected_mean(mine)), (two, corrected_difference(mine, theirs))):
        assert answer.estimate.value == interval.value
        assert (answer.estimate.low, answer.estimate.high) == interval.limits(1 - 0.95)
        assert answer.estimate.usable
        assert answer.estimate.method == "PPI++"


def columns(found: Scores) -> FloatArray:
    return np.stack([found.judge, found.labelled, np.where(found.labelled, found.human, 0)], axis=1)
