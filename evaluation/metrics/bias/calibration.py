"""Whether scores mean the same in every group."""

import numpy as np

from evaluation.metrics.base import Across, GroupRates, Need, Ratio, Sample, scores
from evaluation.metrics.bias.between import EXAMPLE as _EXAMPLE  # noqa: F401 - the examples are about it
from evaluation.metrics.bias.between import between_groups, require_base
from evaluation.metrics.classification import BINARY
from evaluation.types import FloatArray


def _gap_sums(sample: Sample) -> tuple[FloatArray, FloatArray]:
    return scores(sample) - sample.target, np.ones(sample.n)


_GAP = GroupRates.of(Across.LARGEST, Ratio("mean score less share of positives", _gap_sums))


def group_calibration_difference(sample: Sample) -> float:
    """Largest distance, in any group, between its mean score and its share of positive rows.

    Source: Pleiss et al. 2017, "On fairness and calibration".

    >>> round(group_calibration_difference(_EXAMPLE), 3)
    0.3
    """
    from fairlearn.metrics import MetricFrame, mean_prediction

    score = scores(sample)
    require_base(sample, _GAP)
    predicted, actual = (
        MetricFrame(metrics=mean_prediction, y_true=y, y_pred=y, sensitive_features=sample.groups).by_group
        for y in (score, sample.target)
    )
    return float((predicted - actual).abs().max())


METRICS = (between_groups(group_calibration_difference, _GAP, tasks=BINARY, needs=frozenset({Need.SCORES})),)
