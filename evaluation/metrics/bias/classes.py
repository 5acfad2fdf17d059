"""Differences between groups in how often classes are labelled, and found.

Of more than two classes each is held against all the others, and the worst of them counts.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from evaluation.metrics.base import Across, GroupRates, Mask, Proportion, Rate, Ratio, Sample, require
from evaluation.metrics.bias.between import EXAMPLE as _EXAMPLE  # noqa: F401 - the examples are about it
from evaluation.metrics.bias.between import between_groups, by_group, require_base
from evaluation.metrics.classification import (
    ACCURATE,
    ANY_CLASSES,
    BINARY,
    FALSE_POSITIVE,
    SELECTED,
    TRUE_POSITIVE,
)
from evaluation.types import FloatArray


def _classes(sample: Sample, *, in_target: bool) -> dict[int, str]:
    """The class codes that are held against the rest, and their names; of two classes only the positive one.

    in_target: only those that occur in the target.
    """
    codes = max(len(sample.class_names), int(sample.target.max(initial=0)) + 1)
    if codes <= 2 and not sample.class_names:
        return {1: ""}
    occurring = set(np.unique(sample.target).tolist()) if in_target else set(range(codes))
    names = sample.class_names or tuple(map(str, range(codes)))
    return {code: name for code, name in enumerate(names) if code in occurring}


def _against_rest(sample: Sample, code: int) -> Sample:
    return replace(
        sample,
        target=(sample.target == code).astype(np.int64),
        label=(sample.label == code).astype(np.int64),
        class_names=(),
    )


def _one_against_rest(across: Across, *rates: Proportion, in_target: bool) -> GroupRates:
    """The rates of every class; in_target: only of classes that occur in the target."""

    def of(sample: Sample) -> tuple[Rate, ...]:
        return tuple(
            _of_class(rate, code, name)
            for code, name in _classes(sample, in_target=in_target).items()
            for rate in rates
        )

    return GroupRates(of, across)


def _of_class(rate: Proportion, code: int, name: str) -> Proportion:
    def counts(sample: Sample) -> tuple[Mask, Mask]:
        return rate.counts(_against_rest(sample, code))

    return replace(rate, name=f"{rate.name} of class {name}" if name else rate.name, counts=counts)


_SELECTED = _one_against_rest(Across.DIFFERENCE, SELECTED, in_target=False)
_SELECTED_RATIO = GroupRates.of(Across.RATIO, SELECTED)
_ODDS = _one_against_rest(Across.DIFFERENCE, TRUE_POSITIVE, FALSE_POSITIVE, in_target=True)
_OPPORTUNITY = _one_against_rest(Across.DIFFERENCE, TRUE_POSITIVE, in_target=True)
_ACCURATE = GroupRates.of(Across.WORST, ACCURATE)
_FOUND = GroupRates.of(Across.WORST, TRUE_POSITIVE)


def _f1_sums(sample: Sample) -> tuple[FloatArray, FloatArray]:
    actual, labelled = sample.target == 1, sample.label == 1
    return 2.0 * (actual & labelled), actual.astype(np.float64) + labelled


_F1 = GroupRates.of(Across.WORST, Ratio("F1", _f1_sums))


def demographic_parity_difference(sample: Sample) -> float:
    """Largest difference between groups in the share of rows that a class is given to.

    >>> demographic_parity_difference(_EXAMPLE)
    0.5
    """
    from fairlearn.metrics import demographic_parity_difference as measure

    return _worst_class(measure, sample, _SELECTED, in_target=False)


def demographic_parity_ratio(sample: Sample) -> float:
    """Least share labelled positive over the greatest, between groups; 1 is equal treatment.

    >>> demographic_parity_ratio(_EXAMPLE)
    0.5
    """
    from fairlearn.metrics import demographic_parity_ratio as measure

    require(bool((sample.label == 1).any()), "no row was labelled positive")
    require_base(sample, _SELECTED_RATIO)
    return float(measure(sample.target, sample.label, sensitive_features=sample.groups))


def equalized_odds_difference(sample: Sample) -> float:
    """Larger of the differences between groups in true and in false positive rate, of any class.

    Source: Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning".

    >>> equalized_odds_difference(_EXAMPLE)
    1.0
    """
    from fairlearn.metrics import equalized_odds_difference as measure

    return _worst_class(measure, sample, _ODDS, in_target=True)


def equal_opportunity_difference(sample: Sample) -> float:
    """Largest difference between groups in true positive rate, of any class where there are more than two.

    >>> equal_opportunity_difference(_EXAMPLE)
    0.0
    """
    from fairlearn.metrics import equal_opportunity_difference as measure

    return _worst_class(measure, sample, _OPPORTUNITY, in_target=True)


def worst_group_accuracy(sample: Sample) -> float:
    """Accuracy in the group where it is least.

    >>> worst_group_accuracy(_EXAMPLE)
    0.5
    """
    from sklearn.metrics import accuracy_score

    require_base(sample, _ACCURATE)
    return float(by_group(accuracy_score, sample).group_min())


def worst_group_recall(sample: Sample) -> float:
    """Share of positive rows labelled positive, in the group where it is least.

    >>> worst_group_recall(_EXAMPLE)
    1.0
    """
    from sklearn.metrics import recall_score

    require_base(sample, _FOUND)
    return float(by_group(recall_score, sample).group_min())


def worst_group_f1(sample: Sample) -> float:
    """Harmonic mean of precision and recall, in the group where it is least.

    >>> round(worst_group_f1(_EXAMPLE), 3)
    0.667
    """
    from sklearn.metrics import f1_score

    require_base(sample, _F1)
    return float(by_group(f1_score, sample).group_min())


def _worst_class(
    measure: Callable[..., Any], sample: Sample, design: GroupRates, *, in_target: bool
) -> float:
    """fairlearn's value for every class against the rest, the largest of them."""
    require_base(sample, design)
    rests = [_against_rest(sample, code) for code in _classes(sample, in_target=in_target)]
    return max(float(measure(rest.target, rest.label, sensitive_features=sample.groups)) for rest in rests)


METRICS = (
    between_groups(demographic_parity_difference, _SELECTED, tasks=ANY_CLASSES),
    between_groups(demographic_parity_ratio, _SELECTED_RATIO, tasks=BINARY),
    between_groups(equalized_odds_difference, _ODDS, tasks=ANY_CLASSES),
    between_groups(equal_opportunity_difference, _OPPORTUNITY, tasks=ANY_CLASSES),
    between_groups(worst_group_accuracy, _ACCURATE, tasks=ANY_CLASSES),
    between_groups(worst_group_recall, _FOUND, tasks=BINARY),
    between_groups(worst_group_f1, _F1, tasks=BINARY),
)
