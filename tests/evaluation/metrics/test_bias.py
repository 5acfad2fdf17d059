"""Bias metrics against fairlearn, class by class, and the errors of their intervals."""

from collections.abc import Callable
from dataclasses import replace

import fairlearn.metrics as reference
import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

from evaluation.errors import Undefined
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import find_metric
from evaluation.stats.estimate import Answer, Question, Settings, estimate
from evaluation.types import Estimate

NAMES = ("sex=f", "sex=m", "sex=(missing)")
CLASSES = ("cat", "cow", "dog", "owl")
MakeSample = Callable[..., Sample]


@pytest.fixture
def make_classes() -> MakeSample:
    """Labels of four classes, right in seven of ten rows, in three groups."""

    def make(n: int = 600, seed: int = 1) -> Sample:
        random = np.random.default_rng(seed)
        target = random.integers(0, 4, n)
        label = np.where(random.random(n) < 0.7, target, random.integers(0, 4, n))
        return Sample(target, label, None, random.integers(0, 3, n), NAMES, class_names=CLASSES)

    return make


def ask(name: str, challenger: Sample, champion: Sample | None = None, **settings: int) -> Answer:
    [answer] = estimate([Question(find_metric(name), challenger, champion)], Settings(**settings))
    return answer


def usable(answer: Answer) -> Estimate:
    assert answer.estimate.problem is None
    assert answer.estimate.low <= answer.estimate.value <= answer.estimate.high
    return answer.estimate


@pytest.mark.parametrize(
    "name", ["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"]
)
@pytest.mark.parametrize("seed", range(3))
def test_more_than_two_classes_are_fairlearns_worst_against_the_rest(
    name: str, seed: int, make_classes: MakeSample
) -> None:
    sample = make_classes(seed=seed)
    measure = getattr(reference, name)
    by_class = [
        measure(sample.target == code, sample.label == code, sensitive_features=sample.groups)
        for code in range(4)
    ]
    assert find_metric(name).point(sample) == pytest.approx(max(by_class))
    assert usable(ask(name, sample)).value == pytest.approx(max(by_class))


@pytest.mark.parametrize(
    "name", ["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"]
)
def test_two_classes_are_fairlearns_binary_value(name: str, make_sample: MakeSample) -> None:
    sample = make_sample(find_metric(name))
    expected = getattr(reference, name)(sample.target, sample.label, sensitive_features=sample.groups)
    assert find_metric(name).point(sample) == pytest.approx(expected)


def test_two_classes_of_many_are_both_held_against_the_rest(make_classes: MakeSample) -> None:
    """A slice with two of the four classes, of which only the first is found in one group less often."""
    sample = make_classes()
    two = sample.take(sample.target < 2)
    found = find_metric("equal_opportunity_difference").point(two)
    by_class = [
        reference.equal_opportunity_difference(
            two.target == code, two.label == code, sensitive_features=two.groups
        )
        for code in (0, 1)
    ]
    assert found == pytest.approx(max(by_class))


def test_the_rates_of_a_class_bear_its_name(make_classes: MakeSample) -> None:
    detail = ask("equalized_odds_difference", make_classes()).detail
    assert [group["group"] for group in detail["groups"]] == list(NAMES)
    names = list(detail["groups"][0]["rates"])
    assert len(names) == 8
    assert "true positive rate of class cow" in names


def test_a_class_that_a_group_lacks_is_told(make_classes: MakeSample) -> None:
    sample = make_classes()
    target = np.where((sample.groups == 1) & (sample.target == 2), 0, sample.target)
    answer = ask("equal_opportunity_difference", replace(sample, target=target))
    assert answer.estimate.problem == "no rows for the true positive rate of class dog of group sex=m"


def test_a_class_that_only_labels_know_counts_for_parity_alone(make_classes: MakeSample) -> None:
    sample = make_classes()
    without = replace(sample, target=np.where(sample.target == 3, 0, sample.target))
    assert (
        "selection rate of class owl"
        in ask("demographic_parity_difference", without).detail["groups"][0]["rates"]
    )
    rates = ask("equal_opportunity_difference", without).detail["groups"][0]["rates"]
    assert list(rates) == [f"true positive rate of class {name}" for name in CLASSES[:3]]


def test_two_models_that_know_other_classes_are_comparable(make_classes: MakeSample) -> None:
    sample, other = make_classes(), make_classes(seed=2)
    champion = replace(sample, label=np.where(other.label == 3, 0, other.label))
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        found = usable(ask(name, sample, champion))
        assert found.method == "paired bootstrap over groups"


def test_the_worst_f1_is_fairlearns(make_sample: MakeSample) -> None:
    sample = make_sample(find_metric("worst_group_f1"))
    frame = reference.MetricFrame(
        metrics=f1_score, y_true=sample.target, y_pred=sample.label, sensitive_features=sample.groups
    )
    assert usable(ask("worst_group_f1", sample)).value == pytest.approx(frame.group_min())


def test_calibration_is_by_group(make_sample: MakeSample) -> None:
    sample = make_sample(find_metric("group_calibration_difference"))
    gaps = [
        abs(sample.score[sample.groups == code].mean() - sample.target[sample.groups == code].mean())
        for code in range(3)
    ]
    assert usable(ask("group_calibration_difference", sample)).value == pytest.approx(max(gaps))


def test_scores_that_mean_the_same_everywhere_may_still_differ_in_level(make_sample: MakeSample) -> None:
    """Too low in one group and too high in the other: the gaps do not cancel."""
    groups, target = np.repeat([0, 1], 200), np.tile([0, 1], 200)
    score = np.where(groups == 0, 0.4, 0.6)
    sample = Sample(target, target, score, groups, NAMES[:2])
    assert find_metric("group_calibration_difference").point(sample) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("group_mean_error_difference", lambda frame: frame.difference()["mean"]),
        ("worst_group_mae", lambda frame: frame.group_max()["mae"]),
        ("group_tail_error_difference", lambda frame: frame.difference()["tail"]),
    ],
)
def test_regression_is_fairlearns_frame(
    name: str, expected: Callable[[reference.MetricFrame], float], make_sample: MakeSample
) -> None:
    sample = make_sample(find_metric(name))
    edge = np.quantile(np.abs(sample.label - sample.target), 0.9)
    frame = reference.MetricFrame(
        metrics={
            "mean": lambda target, label: np.mean(label - target),
            "mae": mean_absolute_error,
            "tail": lambda target, label: np.mean(np.abs(label - target) > edge),
        },
        y_true=sample.target,
        y_pred=sample.label,
        sensitive_features=sample.groups,
    )
    assert usable(ask(name, sample)).value == pytest.approx(expected(frame))


@pytest.mark.parametrize("name", ["worst_group_mae", "group_mean_error_difference", "worst_group_f1"])
def test_ratios_are_compared_with_a_champion(name: str, make_sample: MakeSample) -> None:
    metric = find_metric(name)
    sample, other = make_sample(metric), make_sample(metric, seed=2)
    answer = ask(name, sample, replace(sample, label=other.label))
    found = usable(answer)
    assert found.value == pytest.approx(answer.challenger - answer.champion)
    assert found.method == "paired bootstrap over groups"
    assert "identical answers" in ask(name, sample, sample).estimate.problem


def test_the_same_shares_again_are_bounded_by_the_rows(make_sample: MakeSample) -> None:
    sample = make_sample(find_metric("equalized_odds_difference"), n=3000)
    found = usable(ask("equalized_odds_difference", sample, sample))
    assert found.value == 0
    assert -0.02 < found.low < 0 < found.high < 0.02


def test_rows_of_one_unit_are_no_more_than_one_row(make_sample: MakeSample) -> None:
    for name in ("worst_group_mae", "group_tail_error_difference"):
        sample = make_sample(find_metric(name), n=200)
        twice = sample.take(np.repeat(np.arange(200), 4))
        units = usable(ask(name, replace(twice, units=np.repeat(np.arange(200), 4))))
        rows, alone = usable(ask(name, twice)), usable(ask(name, sample))
        assert units.n == 200
        assert units.high - units.low > 1.5 * (rows.high - rows.low)
        assert units.high - units.low == pytest.approx(alone.high - alone.low, rel=0.2)


def test_one_group_is_told(make_classes: MakeSample) -> None:
    alone = replace(make_classes(), groups=np.zeros(600, dtype=np.int64), group_names=NAMES[:1])
    with pytest.raises(Undefined, match="1 group only: sex=f"):
        find_metric("demographic_parity_difference").point(alone)
