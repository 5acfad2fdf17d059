"""Every interval against an implementation that is not ours."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn import metrics as sklearn_metrics
from statsmodels.stats.proportion import proportion_confint

from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.stats.delong import hanley_mcneil
from evaluation.stats.differing import most
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.stats.tango import score, tango

Limits = tuple[float, float]
LEVEL = 0.05


def of_models(n: int = 400, seed: int = 1) -> tuple[Sample, Sample]:
    """Two models that err on the same rows more often than not, with ties in their scores."""
    random = np.random.default_rng(seed)
    target = (random.random(n) < 0.35).astype(np.int64)
    common = random.normal(size=n) + 1.4 * target

    def model() -> Sample:
        score = (1 / (1 + np.exp(-(common + 0.5 * random.normal(size=n) - 0.7)))).round(2)
        return Sample(target, (score > 0.5).astype(np.int64), score)

    return model(), model()


def of_a_rare_class() -> tuple[Sample, Sample]:
    """The same with 12 positive rows."""
    one, two = of_models()
    rows = np.concatenate([np.flatnonzero(one.target == 1)[:12], np.flatnonzero(one.target == 0)])
    return one.take(rows), two.take(rows)


def of_numbers(n: int = 400) -> tuple[Sample, Sample]:
    random = np.random.default_rng(2)
    target = random.gamma(3.0, 10.0, n) + 5
    return tuple(Sample(target, target + random.normal(bias, 4.0, n)) for bias in (0.5, 0.0))


def of_times(n: int = 900) -> Sample:
    return Sample.of_latency(np.random.default_rng(3).gamma(3.0, 2.0, n).round(1))


def in_units(samples: tuple[Sample, Sample]) -> tuple[Sample, Sample]:
    """Rows in 150 units of uneven size, coded with gaps."""
    units = 3 * np.random.default_rng(4).integers(0, 150, samples[0].n)
    return tuple(replace(sample, units=units) for sample in samples)


def wilson(sample: Sample) -> Limits:
    hits = sample.label[sample.target == 1]
    return proportion_confint(int(hits.sum()), len(hits), alpha=2 * LEVEL, method="wilson")


def tango_by_search(challenger: Sample, champion: Sample) -> Limits:
    """Differences that the score test rejects neither plain nor corrected for skewness."""
    mine, theirs = (sample.label == sample.target for sample in (challenger, champion))
    won, lost, n = int((mine & ~theirs).sum()), int((theirs & ~mine).sum()), challenger.n
    return tango_limits(won, lost, n)


def tango_limits(won: int, lost: int, n: int) -> Limits:
    z, value = stats.norm.isf(LEVEL), (won - lost) / n

    def roots(side: int, bracket: tuple[float, float]) -> list[float]:
        def beyond(difference: float, which: int) -> float:
            return side * constrained_scores(won, lost, n, difference)[which] - z

        return [optimize.brentq(beyond, *bracket, args=(which,)) for which in range(2)]

    return min(roots(1, (value - 0.3, value))), max(roots(-1, (value, value + 0.3)))


def constrained_scores(won: int, lost: int, n: int, difference: float) -> tuple[float, float]:
    """The score, and the same less what Cornish and Fisher's expansion says of a skewed one; the nuisance by search."""

    def against(lost_share: float) -> float:
        won_share = lost_share + difference
        parts = ((won, won_share), (lost, lost_share), (n - won - lost, 1 - won_share - lost_share))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    ends = (max(0.0, -difference), (1 - difference) / 2)
    share = optimize.minimize_scalar(against, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
    law = np.array([share + difference, 1 - 2 * share - difference, share])
    away = np.array([1, 0, -1]) - difference
    variance, third = law @ away**2, law @ away**3
    plain = (won - lost - n * difference) / math.sqrt(n * variance)
    return plain, plain - third / variance**1.5 / math.sqrt(n) * (plain**2 - 1) / 6


def on_log_odds(value: float, low: float) -> Limits:
    """Symmetric limits that end at `low`, made symmetric on the scale of log odds by the delta method."""
    half = (value - low) / (value * (1 - value))
    return special.expit(special.logit(value) - half), special.expit(special.logit(value) + half)


def or_halls(limits: Limits, skew: float, t: float) -> Limits:
    """Limits t standard errors from their middle, or where Hall's transform of the statistic is t, if farther."""
    middle, error = sum(limits) / 2, (limits[1] - limits[0]) / (2 * t)

    def transform(value: float) -> float:
        return value + skew * value**2 / 3 + skew**2 * value**3 / 27 + skew / 6

    low, high = (optimize.brentq(lambda x, at=at: transform(x) - at, -50, 50) for at in (t, -t))
    return min(limits[0], middle - low * error), max(limits[1], middle - high * error)


def delong_by_pairs(challenger: Sample, champion: Sample | None = None) -> Limits:
    """Structural components from all pairs, as in the paper, with Satterthwaite's t of SciPy.

    In a difference, either class counts as two rows fewer.
    """

    def components(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        found, missed = sample.score[sample.target == 1], sample.score[sample.target == 0]
        wins = (found[:, None] > missed) + 0.5 * (found[:, None] == missed)
        return wins.mean(axis=1), wins.mean(axis=0)

    rows, columns = components(challenger)
    if champion is not None:
        theirs = components(champion)
        rows, columns = rows - theirs[0], columns - theirs[1]
    a, b = rows.var(ddof=1) / len(rows), columns.var(ddof=1) / len(columns)
    lost = 1 if champion is None else 3
    freedom = (a + b) ** 2 / (a**2 / (len(rows) - lost) + b**2 / (len(columns) - lost))
    half = stats.t.isf(LEVEL, freedom) * math.sqrt(a + b)
    if champion is None:
        return on_log_odds(rows.mean(), rows.mean() - half)
    third = stats.moment(rows, 3) / len(rows) ** 2 + stats.moment(columns, 3) / len(columns) ** 2
    return or_halls(
        (rows.mean() - half, rows.mean() + half), third / (a + b) ** 1.5, stats.t.isf(LEVEL, freedom)
    )


def squared(sample: Sample) -> np.ndarray:
    return (sample.score - sample.target) ** 2


def off(sample: Sample) -> np.ndarray:
    return np.abs(sample.label - sample.target)


def t_interval(values: np.ndarray) -> Limits:
    limits = tuple(stats.ttest_1samp(values, 0.0).confidence_interval(1 - 2 * LEVEL))
    n = len(values)
    return or_halls(limits, stats.skew(values) / math.sqrt(n), stats.t.isf(LEVEL, n - 1))


def paired_t(mine: np.ndarray, theirs: np.ndarray) -> Limits:
    limits = tuple(stats.ttest_rel(mine, theirs).confidence_interval(1 - 2 * LEVEL))
    n = len(mine)
    return or_halls(limits, stats.skew(mine - theirs) / math.sqrt(n), stats.t.isf(LEVEL, n - 1))


def quantile(sample: Sample) -> Limits:
    def limit(alternative: str, end: str) -> float:
        test = stats.quantile_test(sample.latency_ms, p=0.95, alternative=alternative)
        return getattr(test.confidence_interval(1 - LEVEL), end)

    return limit("greater", "low"), limit("less", "high")


VALUES = {
    "f1": sklearn_metrics.f1_score,
    "precision": sklearn_metrics.precision_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "rmse": sklearn_metrics.root_mean_squared_error,
    "r2": sklearn_metrics.r2_score,
}
# A scale, how fast a value moves there, and the way back.
SCALES = {
    "odds": (special.logit, lambda value: 1 / (value * (1 - value)), special.expit),
    "log": (math.log, lambda value: 1 / value, math.exp),
    "rest": (lambda value: -math.log(1 - value), lambda value: 1 / (1 - value), lambda x: 1 - math.exp(-x)),
    "own": (float, lambda value: 1.0, float),
}


def jackknife(name: str, scale: str, *samples: Sample) -> Limits:
    """Pseudo-values from scikit-learn's value without each unit, or row, and Student's t or Hall's on a scale."""
    column = "score" if name == "average_precision" else "label"

    def value(kept: np.ndarray) -> float:
        found = [VALUES[name](each.target[kept], getattr(each, column)[kept]) for each in samples]
        return found[0] if len(found) == 1 else found[0] - found[1]

    units = np.arange(samples[0].n) if samples[0].units is None else samples[0].units
    names, whole = np.unique(units), value(units >= 0)
    n = len(names)
    pseudo = n * whole - (n - 1) * np.array([value(units != each) for each in names])
    second, fourth = stats.moment(pseudo, 2), stats.moment(pseudo, 4)
    # A chi-square's share of variance to squared mean, 2 / df, is that of the estimated variance.
    share = (fourth - (n - 3) / (n - 1) * second**2) / n / second**2
    t = stats.t.isf(LEVEL, min(n - 1, 2 / share))
    there, slope, back = SCALES[scale]
    half = t * stats.sem(pseudo) * slope(whole)
    limits = (there(whole) - half, there(whole) + half)
    low, high = or_halls(limits, stats.skew(pseudo) / math.sqrt(n), t)
    return back(low), back(high)


def ratio_by_units(hits: np.ndarray, base: np.ndarray, units: np.ndarray, *, share: bool) -> Limits:
    """A loop over the units: the residuals of the ratio, and Student's t with one degree less."""
    names = np.unique(units)
    ratio = hits.sum() / base.sum()
    residuals = np.array([(hits - ratio * base)[units == name].sum() for name in names])
    variance = len(names) / (len(names) - 1) * (residuals**2).sum() / base.sum() ** 2
    t = stats.t.isf(LEVEL, len(names) - 1)
    half = t * math.sqrt(variance)
    if share:
        return on_log_odds(ratio, ratio - half)
    return or_halls((ratio - half, ratio + half), stats.skew(residuals) / math.sqrt(len(names)), t)


def jackknifed_area(sample: Sample) -> Limits:
    """The area's spread over units by leaving each out."""
    names = np.unique(sample.units)
    areas = []
    for name in names:
        kept = sample.units != name
        areas.append(sklearn_metrics.roc_auc_score(sample.target[kept], sample.score[kept]))
    spread = math.sqrt((len(names) - 1) * np.var(areas))
    area = sklearn_metrics.roc_auc_score(sample.target, sample.score)
    return on_log_odds(area, area - stats.t.isf(LEVEL, len(names) - 1) * spread)


@dataclass(frozen=True)
class Case:
    """A question, its reference, and how far apart they may be in standard errors of the value."""

    metric: str
    samples: Callable[[], tuple[Sample, ...]]
    expected: Callable[..., Limits]
    method: str
    apart: float = 1e-6


def one(make: Callable[[], tuple[Sample, ...]]) -> Callable[[], tuple[Sample, ...]]:
    return lambda: make()[:1]


def same(make: Callable[[], tuple[Sample, ...]]) -> Callable[[], tuple[Sample, ...]]:
    return lambda: (make()[0], make()[0])


def left_out(name: str, scale: str = "own") -> Callable[..., Limits]:
    return lambda *samples: jackknife(name, scale, *samples)


def won_in_units(one: Sample, two: Sample) -> Limits:
    difference = (one.label == one.target) * 1.0 - (two.label == two.target)
    return ratio_by_units(difference, np.ones(one.n), one.units, share=False)


def precise_in_units(sample: Sample) -> Limits:
    return ratio_by_units((sample.label * sample.target) * 1.0, sample.label * 1.0, sample.units, share=True)


CASES = [
    Case("recall", one(of_models), wilson, "Wilson score"),
    Case("latency_p95_ms", lambda: (of_times(),), quantile, "order statistics"),
    Case("roc_auc", one(of_models), delong_by_pairs, "DeLong"),
    Case("roc_auc", of_models, delong_by_pairs, "paired DeLong"),
    Case("roc_auc", of_a_rare_class, delong_by_pairs, "paired DeLong"),
    Case("brier", one(of_models), lambda a: t_interval(squared(a)), "Student t"),
    Case("brier", of_models, lambda a, b: paired_t(squared(a), squared(b)), "paired Student t"),
    Case("mae", one(of_numbers), lambda a: t_interval(off(a)), "Student t"),
    Case("mae", of_numbers, lambda a, b: paired_t(off(a), off(b)), "paired Student t"),
    Case("accuracy", of_models, tango_by_search, "Tango score", 1e-4),
    Case("precision", of_models, left_out("precision"), "paired jackknife"),
    Case("f1", one(of_models), left_out("f1", "odds"), "jackknife"),
    Case("f1", of_models, left_out("f1"), "paired jackknife"),
    Case("balanced_accuracy", one(of_models), left_out("balanced_accuracy", "odds"), "jackknife"),
    Case("balanced_accuracy", of_models, left_out("balanced_accuracy"), "paired jackknife"),
    Case("average_precision", one(of_models), left_out("average_precision", "odds"), "jackknife"),
    Case("average_precision", of_models, left_out("average_precision"), "paired jackknife"),
    Case("rmse", one(of_numbers), left_out("rmse", "log"), "jackknife"),
    Case("rmse", of_numbers, left_out("rmse"), "paired jackknife"),
    Case("r2", one(of_numbers), left_out("r2", "rest"), "jackknife"),
    Case("r2", of_numbers, left_out("r2"), "paired jackknife"),
    Case("f1", lambda: in_units(of_models()), left_out("f1"), "paired jackknife over units", 0.1),
    Case("rmse", lambda: in_units(of_numbers()), left_out("rmse"), "paired jackknife over units", 0.1),
    Case(
        "average_precision",
        lambda: in_units(of_models()),
        left_out("average_precision"),
        "paired jackknife over units",
        0.1,
    ),
    Case("accuracy", lambda: in_units(of_models()), won_in_units, "paired Student t over units"),
    Case("precision", one(lambda: in_units(of_models())), precise_in_units, "Student t over units"),
    Case("roc_auc", one(lambda: in_units(of_models())), jackknifed_area, "Student t over units", 0.1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.metric} {case.method}")
def test_limits_are_the_references(case: Case) -> None:
    samples = case.samples()
    question = Question(METRICS[case.metric], *samples)
    found = estimate([question], Settings(confidence=1 - LEVEL))[0].estimate
    assert (found.method, found.problem) == (case.method, None)
    low, high = case.expected(*samples)
    error = (high - low) / (2 * stats.norm.isf(LEVEL))
    assert (found.low, found.high) == pytest.approx((low, high), abs=case.apart * error)


@pytest.mark.parametrize(
    ("won", "lost", "n"), [(0, 0, 80), (0, 5, 60), (7, 0, 90), (3, 9, 500), (30, 30, 60)]
)
@pytest.mark.parametrize("difference", [-0.3, -0.02, 0.01, 0.2])
def test_tangos_score_is_that_of_a_search(won: int, lost: int, n: int, difference: float) -> None:
    plain = constrained_scores(won, lost, n, difference)[0]
    assert score(won, lost, n, difference) == pytest.approx(plain, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("won", "lost", "n"), [(0, 5, 60), (7, 0, 90), (3, 9, 500), (30, 12, 400)])
def test_tangos_limits_are_the_farther_ones_of_two_scores(won: int, lost: int, n: int) -> None:
    assert tango(won, lost, n).limits(LEVEL) == pytest.approx(tango_limits(won, lost, n), abs=1e-5)


@pytest.mark.parametrize("n", [10, 100, 5000])
def test_models_that_never_differ_have_wilsons_limits_of_no_hit(n: int) -> None:
    high = proportion_confint(0, n, alpha=0.1, method="wilson")[1]
    assert tango(0, 0, n).limits(0.05) == pytest.approx((-high, high))


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (0, 5000), (3, 40), (40, 40), (17, 900)])
@pytest.mark.parametrize("level", [0.05, 0.001, 1e-9])
def test_the_upper_limit_of_a_share_is_clopper_and_pearsons(hits: int, n: int, level: float) -> None:
    expected = stats.binomtest(hits, n, alternative="less").proportion_ci(1 - level, method="exact").high
    assert most(hits, n, level) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["brier", "roc_auc"])
def test_models_that_differ_on_few_rows_are_bounded_by_how_many(name: str) -> None:
    """Three scores moved the right way, two of them on positive rows, and one the wrong way."""
    champion = of_models(4000)[0]
    positive, negative = np.flatnonzero(champion.target == 1), np.flatnonzero(champion.target == 0)
    moved = champion.score.copy()
    moved[positive[:2]] = 1.0
    moved[negative[0]] = 0.0
    moved[negative[1]] = 1.0
    [answer] = estimate([Question(METRICS[name], replace(champion, score=moved), champion)], Settings())
    found = answer.estimate

    def share(hits: int, n: int, level: float) -> float:
        return stats.binomtest(hits, n, alternative="less").proportion_ci(1 - level, method="exact").high

    if name == "brier":
        expected = (-share(3, 4000, LEVEL), share(1, 4000, LEVEL))
    else:
        half = LEVEL / 2
        expected = (
            -share(0, len(positive), half) - share(1, len(negative), half),
            share(2, len(positive), half) + share(1, len(negative), half),
        )
    assert found.method == "bound on differing rows"
    assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize(("positives", "negatives"), [(12, 300), (40, 40), (500, 30)])
@pytest.mark.parametrize("value", [0.02, 0.6, 0.95, 1.0])
def test_hanley_and_mcneils_limits_are_areas_just_not_rejected(
    value: float, positives: int, negatives: int
) -> None:
    """Either limit is as many of its own standard errors from the value as the level asks for."""

    def error(true: float) -> float:
        # Their own formula is for an order that is better than none.
        area = true if value > 0.5 else 1 - true
        q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
        total = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
        return math.sqrt(total / (positives * negatives))

    for limit in hanley_mcneil(value, positives, negatives).limits(LEVEL):
        assert limit in (0.0, 1.0) or abs(limit - value) / error(limit) == pytest.approx(1.6448536, rel=1e-6)


def test_an_area_of_few_misplaced_rows_is_as_wide_as_the_model_says() -> None:
    random = np.random.default_rng(8)
    target = (np.arange(400) < 15).astype(np.int64)
    sample = Sample(target, target, random.normal(size=400) + 2.5 * target)
    [answer] = estimate([Question(METRICS["roc_auc"], sample)], Settings())
    found = answer.estimate
    narrow, wide = delong_by_pairs(sample), hanley_mcneil(found.value, 15, 385).limits(LEVEL)
    assert found.method == "DeLong, at least Hanley-McNeil"
    assert (found.low, found.high) == pytest.approx((min(narrow[0], wide[0]), max(narrow[1], wide[1])))


def test_a_perfect_order_has_limits() -> None:
    target = np.repeat([0, 1], [300, 40])
    [answer] = estimate([Question(METRICS["roc_auc"], Sample(target, target, target * 0.5))], Settings())
    found = answer.estimate
    assert found.usable
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.9 < found.low < 0.99
