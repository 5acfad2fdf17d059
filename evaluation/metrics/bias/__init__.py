"""How differently a model treats groups; names and values are fairlearn's where it has them.

Several sensitive columns are intersected before a metric sees them: each combination of values is one
group. A group without the rows that a rate is taken on makes the metric undefined, it is never dropped.
"""

from evaluation.metrics.bias import calibration, classes, errors

METRICS = (*classes.METRICS, *calibration.METRICS, *errors.METRICS)
