"""Every metric of texts: a family's line here makes its metrics known."""

from evaluation.metrics.base import Metric
from evaluation.text import (
    echo,
    facts,
    form,
    meaning,
    meteor,
    overlap,
    refusal,
    rouge,
    safety,
    usage,
    without_echo,
)

TEXT_METRICS: tuple[Metric, ...] = tuple(
    metric
    for family in (
        overlap,
        rouge,
        meteor,
        meaning,
        echo,
        without_echo,
        form,
        facts,
        safety,
        refusal,
        usage,
    )
    for metric in family.METRICS
)
