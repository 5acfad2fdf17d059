"""Guards, and which interval a metric gets: what must not look certain, does not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics.base import Cells, LeftOut, Mean, Metric, Proportion, Sample, Sums
from evaluation.metrics.builtin import METRICS, all_metrics
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.text.declare import TEXT_TASKS
from evaluation.types import Direction, Task

FAST = Settings(resamples=200)
MakeSample = Callable[..., Sample]


def binary(target: np.ndarray, label: np.ndarray, **more: object) -> Sample:
    return Sample(target.astype(np.int64), label.astype(np.int64), **more)


# Those of texts are measured before they are weighed, and tested where they stand.
ALONE = [metric for metric in all_metrics() if not metric.tasks <= TEXT_TASKS]


def ask(name: str, challenger: Sample, champion: Sample | None = None, settings: Settings = FAST):
    [answer] = estimate([Question(METRICS[name], challenger, champion)], settings)
    return answer.estimate


@pytest.mark.parametrize("metric", ALONE, ids=lambda metric: metric.name)
def test_every_metric_gets_an_interval_around_its_value(metric: Metric, make_sample: MakeSample) -> None:
    n = 2000 if "p99" in metric.name else 900
    [answer] = estimate([Question(metric, make_sample(metric, n=n))], FAST)
    found = answer.estimate
    assert found.usable, found.problem
    assert found.low <= found.value <= found.high
    assert found.low < found.high
    assert (found.n, found.confidence) == (n, 0.95)
    assert answer.challenger == found.value
    assert answer.champion is None


@pytest.mark.parametrize("metric", ALONE, ids=lambda metric: metric.name)
def test_every_metric_is_compared(metric: Metric, make_sample: MakeSample) -> None:
    n = 2000 if "p99" in metric.name else 900
    challenger, champion = make_sample(metric, n=n, seed=1), make_sample(metric, n=n, seed=2)
    champion = replace(champion, target=challenger.target, groups=challenger.groups)
    [answer] = estimate([Question(metric, challenger, champion)], FAST)
    found = answer.estimate
    assert found.usable, found.problem
    assert found.value == pytest.approx(metric.point(challenger) - metric.point(champion))
    assert found.low <= found.value <= found.high
    assert answer.challenger - answer.champion == pytest.approx(found.value)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("accuracy", "Wilson score"),
        ("roc_auc", "DeLong"),
        ("brier", "Student t"),
        ("f1", "jackknife"),
        ("average_precision", "jackknife"),
        ("rmse", "jackknife"),
        ("expected_calibration_error", "bootstrap of gaps"),
        ("equalized_odds_difference", "Newcombe score of every pair, bootstrap of all"),
        ("latency_p95_ms", "order statistics"),
    ],
)
def test_the_interval_fits_the_metric(name: str, method: str, make_sample: MakeSample) -> None:
    assert ask(name, make_sample(METRICS[name], n=900)).method == method


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("accuracy", "Tango score"),
        ("recall", "Tango score"),
        ("precision", "paired jackknife"),
        ("f1", "paired jackknife"),
        ("average_precision", "paired jackknife"),
        ("expected_calibration_error", "percentile and basic bootstrap"),
        ("roc_auc", "paired DeLong"),
        ("brier", "paired Student t"),
        ("mae", "paired Student t"),
        ("rmse", "paired jackknife"),
        ("latency_p50_ms", "block bootstrap"),
    ],
)
def test_the_comparison_fits_the_metric(name: str, method: str, make_sample: MakeSample) -> None:
    challenger, champion = (make_sample(METRICS[name], n=900, seed=seed) for seed in (1, 2))
    champion = replace(champion, target=challenger.target)
    assert ask(name, challenger, champion).method == method


RANDOM = np.random.default_rng(1)
HALF = np.repeat([0, 1], 100)
FEW = np.repeat([0, 1], [195, 5])
SCORE = RANDOM.random(200)


@pytest.mark.parametrize(
    ("name", "sample", "problem"),
    [
        ("roc_auc", binary(HALF[::80], HALF[::80], score=SCORE[::80]), "3 rows, at least 50 are needed"),
        ("accuracy", binary(HALF[::80], HALF[::80]), "3 rows, at least 50 are needed"),
        ("roc_auc", binary(HALF[:0], HALF[:0], score=SCORE[:0]), "no rows"),
        ("roc_auc", binary(HALF * 0, HALF, score=SCORE), "one class only"),
        ("f1", binary(HALF * 0, HALF), "one class only"),
        ("roc_auc", binary(FEW, HALF, score=SCORE), "5 rows of the rarest class, at least 10 are needed"),
        ("recall", binary(FEW, HALF), "5 rows count, at least 10 are needed"),
        ("recall", binary(HALF * 0, HALF), "no positive rows"),
        ("precision", binary(HALF, HALF * 0), "no row was labelled positive"),
        ("roc_auc", binary(HALF, HALF, score=np.full(200, 0.5)), "which ranks nothing"),
        ("roc_auc", binary(HALF, HALF), "the model gives no scores"),
        ("balanced_accuracy", binary(HALF, HALF * 0), "no width"),
        ("rmse", Sample(np.arange(200.0), np.arange(200.0)), "no width"),
        ("r2", Sample(np.full(200, 3.0), np.arange(200.0)), "the target is constant"),
        ("mape", Sample(np.append(0.0, np.arange(1, 200.0)), np.arange(200.0)), "1 rows have target 0"),
        ("latency_p99_ms", Sample.of_latency(np.arange(400.0)), "at least 2,000 are needed"),
        ("latency_p95_ms", Sample.of_latency(np.empty(0)), "latency was not measured"),
    ],
)
def test_what_must_not_look_certain(name: str, sample: Sample, problem: str) -> None:
    found = ask(name, sample)
    assert not found.usable
    assert problem in (found.problem or "")


@pytest.mark.parametrize(
    ("groups", "target", "problem"),
    [
        (
            np.repeat([0, 1, 0], [95, 10, 95]),
            HALF,
            "too few rows in group sex=m (10): at least 50 are needed",
        ),
        (np.repeat([0, 1], [200, 0]), HALF, "no rows for the true positive rate of group sex=m"),
        (HALF, HALF, "no rows for the true positive rate of group sex=f"),
        (
            np.tile([0, 1], 100),
            np.tile([1, 0], 100) * (np.arange(200) < 12) + np.tile([0, 1], 100) * (np.arange(200) < 60),
            "too few rows for the true positive rate in group sex=f (6)",
        ),
    ],
)
def test_small_groups_are_named(groups: np.ndarray, target: np.ndarray, problem: str) -> None:
    sample = binary(target, RANDOM.integers(0, 2, 200), groups=groups, group_names=("sex=f", "sex=m"))
    found = ask("equalized_odds_difference", sample)
    assert not found.usable
    assert problem in (found.problem or "")


def test_one_group_can_not_be_compared() -> None:
    sample = binary(HALF, HALF, groups=HALF * 0, group_names=("sex=f",))
    assert "1 group only: sex=f" in (ask("demographic_parity_difference", sample).problem or "")


def test_identical_answers_are_no_proof_for_a_bootstrap_and_it_says_so() -> None:
    sample = binary(HALF, RANDOM.integers(0, 2, 200), score=SCORE)
    again = replace(sample, label=sample.label.copy(), score=SCORE.copy())
    for name in ("precision", "average_precision", "f1", "expected_calibration_error"):
        found = ask(name, sample, again)
        assert not found.usable
        assert "identical answers on all 200 rows, as the same model released again would" in found.problem


def test_the_same_texts_from_other_sources_are_compared_by_what_the_metric_counts() -> None:
    blank, units = np.zeros(200), np.arange(200) // 2

    def given(found: np.ndarray) -> Sample:
        scores = np.column_stack([found, np.ones(200)])
        return Sample(blank, blank, units=units, row_scores={"retrieval_hit_at_1": scores})

    found = ask("retrieval_hit_at_1", given((units < 5).astype(float)), given((units < 95).astype(float)))
    assert found.problem is None
    assert found.value == pytest.approx(-0.9)
    assert -1 < found.low < -0.9 < found.high < -0.8
    same = ask("retrieval_hit_at_1", given((units < 95).astype(float)), given((units < 95).astype(float)))
    assert "identical answers" in same.problem


def test_identical_answers_bound_a_difference_by_the_number_of_rows() -> None:
    """With no differing row of n, the share that differs is below 1 - level ** (1 / n)."""
    sample = binary(HALF, RANDOM.integers(0, 2, 200), score=SCORE)
    again = replace(sample, label=sample.label.copy(), score=SCORE.copy())
    few = 1 - 0.05 ** (1 / 200)
    of_class = 1 - 0.025 ** (1 / 100)
    z = 1.6448536
    for name, half in (("brier", few), ("roc_auc", 2 * of_class), ("accuracy", z**2 / (200 + z**2))):
        found = ask(name, sample, again)
        assert found.usable
        assert (found.low, found.high) == pytest.approx((-half, half))
    many = binary(np.tile(HALF, 20), np.tile(HALF, 20), score=np.tile(SCORE, 20))
    assert ask("roc_auc", many, many).low > -0.01


@pytest.mark.parametrize(("differing", "usable"), [(0, False), (9, False), (10, True), (40, True)])
def test_few_differing_rows_are_no_pass_of_a_bootstrap(differing: int, usable: bool) -> None:
    label = HALF.copy()
    label[90:110] = 1 - label[90:110]
    other = label.copy()
    other[:differing] = 1 - other[:differing]
    # Another score everywhere: the models differ, but not in what f1 counts.
    found = ask("f1", binary(HALF, label, score=SCORE), binary(HALF, other, score=SCORE[::-1]))
    assert found.usable is usable
    if not usable:
        assert f"differ on {differing} of the 200 rows" in found.problem


def test_rows_whose_sums_agree_do_not_differ_whatever_their_labels_are() -> None:
    """A metric that a user brings, whose labels are only the numbers of lines: three of 200 lines differ."""
    lines = np.ones((400, 2))
    lines[200:203, 0] = 0.0
    metric = Metric(
        "lines",
        Direction.HIGHER_IS_BETTER,
        (0.0, 1.0),
        frozenset({Task.REGRESSION}),
        lambda sample: float(lines[sample.label][:, 0].mean()),
        Sums(lambda sample: lines[sample.label], lambda sums: (sums[:, 0] / sums[:, 1]) ** 2),
    )
    target, number = np.zeros(200), np.arange(200)
    rows = Sample(target, number), Sample(target, number + 200)
    found = estimate([Question(metric, *rows)], Settings())[0].estimate
    assert "differ on 3 of the 200 rows" in (found.problem or "")


def test_few_differing_rows_that_count_are_no_pass() -> None:
    """Differences in scores say nothing about a count of labels, differences in labels nothing about recall."""
    label, other = HALF.copy(), HALF.copy()
    other[:50] = 1
    assert ask("recall", binary(HALF, label), binary(HALF, other)).low < -0.02


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.02), (100, 0.02), (100, 0.03), (200, 0.01)])
def test_a_worse_challenger_with_few_differences_seldom_passes(n: int, discordance: float) -> None:
    """Cells in which an unguarded bootstrap passes at the tolerance in 13 to 60 % of runs; here about 5."""
    random = np.random.default_rng(7)
    settings, passed = Settings(min_rows=20), 0
    for _ in range(300):
        lost = random.random(n) < discordance
        found = ask("accuracy", binary(np.ones(n), 1 - lost), binary(np.ones(n), np.ones(n)), settings)
        passed += found.usable and found.low > -discordance
    assert passed <= 28


def test_false_pass_at_the_tolerance_is_about_five_percent() -> None:
    """Accuracy .85, 8 % discordance, truly worse by .03: 600 rows, 200 runs, standard error 1.5 points."""
    random = np.random.default_rng(11)
    passed = failed = 0
    for _ in range(200):
        draw = random.random(600)
        lost, won = draw < 0.055, draw > 1 - 0.025
        target = np.ones(600)
        found = ask("accuracy", binary(target, ~lost), binary(target, ~won))
        passed += found.low > -0.03
        failed += found.high < -0.03
    assert 1 <= passed <= 20
    assert 1 <= failed <= 20


@pytest.mark.parametrize("compared", [False, True])
def test_many_classes_are_resampled_by_cells(compared: bool) -> None:
    """Sixty classes: to leave out a row of each of 3,600 cells would take longer than to draw them."""
    random = np.random.default_rng(5)
    target = random.integers(0, 60, 3000)
    one, two = (
        Sample(target, np.where(random.random(3000) < right, target, random.integers(0, 60, 3000)))
        for right in (0.7, 0.6)
    )
    found = ask("f1_macro", one, two if compared else None)
    assert found.method == ("percentile and basic bootstrap" if compared else "percentile bootstrap")
    assert found.low < found.value < found.high
    if compared:
        back = ask("f1_macro", two, one)
        assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=1e-12)


def test_latency_of_two_models_is_compared_by_blocks() -> None:
    random = np.random.default_rng(3)
    slow = Sample.of_latency(random.gamma(9.0, 2.0, 800) + 20)
    fast = Sample.of_latency(random.gamma(9.0, 2.0, 500))
    found = ask("latency_p95_ms", slow, fast)
    assert found.method == "block bootstrap"
    assert found.low > 10
    assert found.n == 800
    assert "300 requests" in ask("latency_p95_ms", slow, slow.take(np.arange(300))).problem


def test_waves_in_latency_widen_the_comparison() -> None:
    """Slow stretches of ten requests carry less evidence than slow requests here and there."""
    random = np.random.default_rng(3)
    slow = random.random(100) < 0.06
    waves = Sample.of_latency(np.repeat(slow * 50.0, 10) + random.random(1000))
    mixed = waves.take(random.permutation(1000))
    still = Sample.of_latency(random.random(1000))
    widths = [(found := ask("latency_p95_ms", sample, still)).high - found.low for sample in (waves, mixed)]
    assert widths[0] > widths[1]


def test_answers_do_not_depend_on_what_else_is_asked(make_sample: MakeSample) -> None:
    sample = make_sample(METRICS["roc_auc"])
    questions = [Question(METRICS[name], sample) for name in ("f1", "roc_auc", "brier", "average_precision")]
    together = estimate(questions, FAST)
    assert [answer.estimate for answer in together] == [
        estimate([question], FAST)[0].estimate for question in questions
    ]


def raising(sample: Sample) -> float:
    """Raise."""
    raise RuntimeError("out of cheese")


def weighted_by(weighted: object) -> dict[str, object]:
    """Nothing known of a metric but its value for many resamples."""
    return {"design": None, "weighted": weighted}


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("average_precision", {"point": raising}, "RuntimeError: out of cheese"),
        ("average_precision", {"point": lambda sample: float("nan")}, "average_precision gave nan"),
        ("average_precision", {"point": lambda sample: float("inf")}, "average_precision gave inf"),
        (
            "average_precision",
            {"point": lambda sample: "much"},
            "ValueError: could not convert string to float",
        ),
        ("f1", weighted_by(raising), "under resampling: RuntimeError: out of cheese"),
        ("f1", weighted_by(lambda sample: raising), "under resampling: RuntimeError"),
        (
            "f1",
            weighted_by(lambda sample: lambda weights: np.full(len(weights), np.nan)),
            "no resample has a value",
        ),
        ("f1", weighted_by(lambda sample: lambda weights: 0.7), "gave shape ()"),
        ("average_precision", {"design": LeftOut(raising)}, "RuntimeError: out of cheese"),
        (
            "average_precision",
            {"design": LeftOut(lambda sample: np.append(np.nan, np.arange(1, sample.n)))},
            "without one of its rows the metric has no value",
        ),
        ("accuracy", {"design": Proportion("accuracy", raising)}, "RuntimeError: out of cheese"),
        ("f1", {"design": Cells(raising, raising)}, "RuntimeError: out of cheese"),
        ("rmse", {"design": Sums(raising, raising)}, "RuntimeError: out of cheese"),
        ("mae", {"design": Mean(raising)}, "RuntimeError: out of cheese"),
    ],
)
def test_a_metric_that_misbehaves_is_a_record(
    name: str, change: dict[str, object], problem: str, make_sample: MakeSample
) -> None:
    metric = replace(METRICS[name], **change)
    sample = make_sample(METRICS[name])
    other = METRICS["rmse" if name == "mae" else "mae" if name == "rmse" else "brier"]
    broken, sound = estimate([Question(metric, sample), Question(other, sample)], FAST)
    assert not broken.estimate.usable
    assert problem in (broken.estimate.problem or "")
    assert sound.estimate.usable


def test_a_base_that_is_not_shared_is_a_record() -> None:
    precise = replace(METRICS["precision"], design=replace(METRICS["precision"].design, shared_base=True))
    one, two = binary(HALF, RANDOM.integers(0, 2, 200)), binary(HALF, RANDOM.integers(0, 2, 200))
    [answer] = estimate([Question(precise, one, two)], FAST)
    assert "precision says that two models share its base" in (answer.estimate.problem or "")


def test_evidence_of_groups_and_rows() -> None:
    sample = binary(HALF, np.tile([0, 1], 100), groups=np.tile([0, 1, 1, 0], 50), group_names=("g=a", "g=b"))
    other = replace(sample, label=1 - sample.label)
    questions = [
        Question(METRICS["equal_opportunity_difference"], sample, other),
        Question(METRICS["recall"], sample),
    ]
    bias, recall = estimate(questions, FAST)
    assert bias.detail["groups"] == [
        {"group": "g=a", "n": 100, "rates": {"true positive rate": 0.5}},
        {"group": "g=b", "n": 100, "rates": {"true positive rate": 0.5}},
    ]
    assert bias.detail["champion_groups"][0]["rates"] == {"true positive rate": 0.5}
    assert bias.detail["differing_rows"] == 100
    assert recall.detail == {"counted_rows": 100}
