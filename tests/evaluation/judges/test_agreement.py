"""Agreement against published figures, other libraries, and the truth of simulated raters."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from evaluation.judges.agreement import BOUND, agreement
from evaluation.judges.config import Measure
from evaluation.stats.estimate import Settings
from evaluation.types import FloatArray

DATA = Path(__file__).with_name("data")
FEW = Settings(min_rows=5)
_ = np.nan
# Four observers and twelve units; Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section D.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
ALPHAS = (Measure.NOMINAL_ALPHA, Measure.ORDINAL_ALPHA, Measure.INTERVAL_ALPHA)


@pytest.mark.parametrize(("measure", "expected"), [*zip(ALPHAS, (0.743, 0.815, 0.849), strict=True)])
def test_alpha_is_the_published_one(measure: Measure, expected: float) -> None:
    found = agreement(measure, PUBLISHED - 1, 5, FEW)
    assert found.value == pytest.approx(expected, abs=5e-4)
    # The last unit was seen by one observer only.
    assert found.n == 11


def three_raters(missing: bool) -> FloatArray:
    said = pl.read_csv(DATA / "three_raters.csv").to_numpy().astype(float)
    if missing:
        said[::3, 0] = said[1::5, 1] = said[::7, 2] = np.nan
    return said


@pytest.mark.parametrize(
    ("missing", "measure", "expected"),
    [
        # As the package krippendorff 0.8.1 has it.
        (False, Measure.NOMINAL_ALPHA, 0.36689196333439067),
        (False, Measure.ORDINAL_ALPHA, 0.7662923235441739),
        (False, Measure.INTERVAL_ALPHA, 0.7663833443395891),
        (True, Measure.NOMINAL_ALPHA, 0.3411760237028033),
        (True, Measure.ORDINAL_ALPHA, 0.7639895939802277),
        (True, Measure.INTERVAL_ALPHA, 0.7751894335494458),
    ],
)
def test_alpha_of_three_people_who_scored_187_replies(
    missing: bool, measure: Measure, expected: float
) -> None:
    found = agreement(measure, three_raters(missing), 5, Settings())
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert 0.02 < found.high - found.low < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_that_of_nltk(seed: int) -> None:
    from nltk.metrics.agreement import AnnotationTask
    from nltk.metrics.distance import binary_distance, interval_distance

    said = np.random.default_rng(seed).integers(0, 4, (40, 3))
    triples = [
        (f"rater {rater}", row, int(code))
        for row, codes in enumerate(said)
        for rater, code in enumerate(codes)
    ]
    for measure, distance in ((ALPHAS[0], binary_distance), (ALPHAS[2], interval_distance)):
        expected = AnnotationTask(triples, distance=distance).alpha()
        assert agreement(measure, said.astype(float), 4, FEW).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("weights", "seed"), [*product([None, "linear", "quadratic"], range(3))], ids=str)
def test_kappa_is_that_of_scikit_learn(weights: str | None, seed: int) -> None:
    measure = Measure(f"{weights}_kappa" if weights else "kappa")
    random = np.random.default_rng(seed)
    one = random.integers(0, 4, 80)
    two = np.where(random.random(80) < 0.6, one, random.integers(0, 4, 80))
    found = agreement(measure, np.stack([one, two], axis=1).astype(float), 5, Settings())
    assert found.value == pytest.approx(cohen_kappa_score(one, two, weights=weights), abs=1e-12)
    assert found.usable


@pytest.mark.parametrize("measure", list(Measure))
def test_limits_exclude_the_truth_as_seldom_as_stated(measure: Measure) -> None:
    """A judge who guesses in four of ten answers, 200 samples of 80; 5 % on either side, two standard errors."""
    random = np.random.default_rng(7)

    def said(n: int) -> FloatArray:
        people = random.integers(0, 4, n)
        judge = np.where(random.random(n) < 0.4, random.integers(0, 4, n), people)
        return np.stack([people, judge], axis=1).astype(float)

    truth = agreement(measure, said(40_000), 4, Settings()).value
    found = [agreement(measure, said(80), 4, Settings()) for _ in range(200)]
    most = 200 * 0.05 + 2 * np.sqrt(200 * 0.05 * 0.95)
    assert sum(each.low > truth for each in found) <= most
    assert sum(each.high < truth for each in found) <= most


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("off", [0, 4])
def test_hardly_any_disagreement_is_bounded_and_not_taken_for_certain(measure: Measure, off: int) -> None:
    said = np.tile(np.arange(4.0), 30)
    pair = np.stack([said, said], axis=1)
    pair[:off, 1] = 3 - pair[:off, 1]
    found = agreement(measure, pair, 4, Settings())
    assert found.method == BOUND
    assert found.usable
    assert found.low is not None
    assert found.low < 0.97
    more = agreement(measure, np.tile(pair, (20, 1))[: 120 * 10], 4, Settings()) if not off else None
    assert more is None or (more.low or 0) > 0.98


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (np.full((60, 2), 3.0), "all ratings are the same"),
        (np.full((60, 2), np.nan), "no rows"),
        (np.stack([np.arange(60.0) % 4, np.full(60, np.nan)], axis=1), "no rows"),
        (np.stack([np.arange(20.0) % 4] * 2, axis=1), "20 rows, at least 50 are needed"),
    ],
)
def test_what_shows_nothing_is_a_problem(measure: Measure, said: FloatArray, problem: str) -> None:
    found = agreement(measure, said, 4, Settings())
    assert not found.usable
    assert problem in (found.problem or "")


def test_answers_to_one_prompt_count_once() -> None:
    said = three_raters(missing=False)[:, :2]
    alone = agreement(Measure.ORDINAL_ALPHA, said, 5, Settings())
    units = np.repeat(np.arange(187), 4)
    often = agreement(Measure.ORDINAL_ALPHA, np.repeat(said, 4, axis=0), 5, Settings(), units)
    assert often.n == 187
    assert often.value == pytest.approx(alone.value, abs=2e-3)
    assert (often.low, often.high) == pytest.approx((alone.low, alone.high), abs=5e-3)
