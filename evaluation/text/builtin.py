"""Every metric of texts: a family's line here makes its metrics known."""

from evaluation.metrics.base import Metric
from evaluation.text import (
    answerability,
    echo,
    facts,
    form,
    meaning,
    meteor,
    overlap,
    ragas,
    refusal,
    retrieval,
    rouge,
    safety,
    support,
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
        retrieval,
        answerability,
        support,
        ragas,
    )
    for metric in family.METRICS
)
