"""Every metric there is, by name."""

import difflib
from collections.abc import Mapping

from evaluation.counterfactual import gaps, stereotypes
from evaluation.errors import UserError
from evaluation.metrics import bias, classification, latency, regression, scoring
from evaluation.metrics.base import Metric
from evaluation.text.builtin import TEXT_METRICS
from evaluation.types import Task

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metrics in (
        *(module.METRICS for module in (classification, scoring, regression, bias, latency)),
        *(module.METRICS for module in (gaps, stereotypes)),
        TEXT_METRICS,
    )
    for metric in metrics
}

# What a report shows for every model of a task, whatever the policy names.
OVERVIEW: Mapping[Task, tuple[str, ...]] = {
    Task.BINARY: (
        "roc_auc",
        "average_precision",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "log_loss",
        "brier",
        "expected_calibration_error",
    ),
    Task.MULTICLASS: ("accuracy", "balanced_accuracy", "f1_macro"),
    Task.REGRESSION: ("mae", "rmse", "r2"),
    Task.GENERATION: ("token_f1", "rouge_l", "prompt_echo", "repetition", "answer_words"),
    Task.RAG: ("exact_match", "token_f1", "rouge_l", "prompt_echo", "answer_words"),
}

_NEAR = 3


def all_metrics() -> tuple[Metric, ...]:
    """Every metric, by name."""
    return tuple(METRICS[name] for name in sorted(METRICS))


def find_metric(name: str, *, among: Mapping[str, Metric] = METRICS) -> Metric:
    """The metric of that name.

    Raises UserError for an unknown name, with the nearest known ones.

    >>> find_metric("roc_auc").direction
    <Direction.HIGHER_IS_BETTER: 'higher'>
    """
    if name in among:
        return among[name]
    near = _near(name.lower(), among)
    raise UserError(
        f"unknown metric '{name}'",
        expected=", ".join([*near, "or another that `weighbridge metrics` lists"]) if near else "a metric",
        next_step=f"did you mean '{near[0]}'?" if near else "weighbridge metrics",
    )


def _near(name: str, among: Mapping[str, Metric]) -> list[str]:
    """Three names at most: those that are spelled much like it, then the shortest that it is a part of."""
    alike = difflib.get_close_matches(name, among, n=_NEAR)
    longer = sorted((known for known in among if name in known), key=lambda known: (len(known), known))
    return list(dict.fromkeys([*alike, *longer]))[:_NEAR]
