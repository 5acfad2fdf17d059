"""The metrics that a policy may name: those that there are, and those of its own judges."""

from collections.abc import Mapping

from evaluation.config import GateConfig
from evaluation.judges.declare import judge_metric
from evaluation.metrics.base import Metric
from evaluation.metrics.builtin import METRICS


def named_by(gate: GateConfig, among: Mapping[str, Metric] = METRICS) -> Mapping[str, Metric]:
    """Metrics by name; a judge's has nobody to ask, and finds its scores among the rows'.

    >>> judges = ({"name": "tone", "rubric": "Is it polite?"},)
    >>> gate = GateConfig(judges=judges, checks=({"metric": "judge_tone", "at_least": 3},))
    >>> named_by(gate)["judge_tone"].range
    (1.0, 5.0)
    """
    if not gate.judges:
        return among
    return {**among, **{judge.metric: judge_metric(judge) for judge in gate.judges}}
