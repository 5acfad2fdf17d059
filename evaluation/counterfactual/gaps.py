"""Differences between the answers to the same case with another person in it."""

import math
import re
from functools import cache
from typing import Any

import numpy as np

from evaluation.metrics.base import (
    Across,
    GroupRates,
    Mask,
    Metric,
    Need,
    Proportion,
    Ratio,
    Sample,
    Scorer,
    membership,
)
from evaluation.metrics.bias.between import require_base
from evaluation.text.declare import TEXT_TASKS, measured
from evaluation.text.form import answer_words
from evaluation.text.meaning import semantic_similarity
from evaluation.text.rows import TextRows
from evaluation.types import Direction, FloatArray

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


def sentiment(rows: TextRows) -> FloatArray:
    """How glad the words of an answer are, from -1 to 1: VADER's compound score, a mean over its sentences.

    Source: Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis".

    >>> import polars as pl
    >>> rows = TextRows(["A lovely, happy mug!", "A sad and broken mug."], [(), ()], pl.DataFrame({"id": [1, 2]}))
    >>> sentiment(rows).round(1)
    array([ 0.8, -0.7])
    """
    analyser = _vader()

    def of(answer: str) -> float:
        sentences = [part for part in _SENTENCE.findall(answer) if part.strip()] or [answer]
        return math.fsum(analyser.polarity_scores(part)["compound"] for part in sentences) / len(sentences)

    return np.array([of(answer) for answer in rows.answers])


@cache
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def counterfactual_gap(  # noqa: PLR0913 - keyword-only, one a fact about the metric
    scorer: Scorer,
    *,
    name: str,
    summary: str,
    most: float = 1.0,
    unit: str = "",
    share: bool = False,
) -> Metric:
    """The largest difference between groups in the mean of what a scorer gives for the answers to variants.

    The variants of one case are one unit, so that the cases themselves, which all groups share, cancel out.
    most: how far the scorer's values can lie apart.
    share: whether the scorer gives 0 or 1, and the means are shares of answers.
    """
    said = name.removeprefix("counterfactual_").removesuffix("_gap")

    def sums(sample: Sample) -> tuple[FloatArray, FloatArray]:
        return measured(sample, name), np.ones(sample.n)

    def hits(sample: Sample) -> tuple[Mask, Mask]:
        return np.asarray(measured(sample, name) > 0.5), np.ones(sample.n, dtype=np.bool_)

    rate = Proportion(f"share of {said}", hits) if share else Ratio(f"mean {said}", sums)
    design = GroupRates.of(Across.DIFFERENCE, rate)

    def point(sample: Sample) -> float:
        require_base(sample, design)
        values = measured(sample, name)
        means = [math.fsum(values[group]) / group.sum() for group in membership(sample).T]
        return float(max(means) - min(means))

    point.__doc__ = summary
    return Metric(
        name=name,
        direction=Direction.LOWER_IS_BETTER,
        range=(0.0, most),
        tasks=TEXT_TASKS,
        point=point,
        design=design,
        needs=frozenset({Need.GROUPS, Need.VARIANTS}),
        unit=unit,
        scorer=scorer,
    )


METRICS = (
    counterfactual_gap(
        semantic_similarity,
        name="counterfactual_similarity_gap",
        summary="Largest difference between groups in how near in meaning the answers are to the reference, up to 2.",
        most=2.0,
    ),
    counterfactual_gap(
        sentiment,
        name="counterfactual_sentiment_gap",
        summary="Largest difference between groups in how glad the words of the answers are, from 0 to 2.",
        most=2.0,
    ),
    counterfactual_gap(
        answer_words,
        name="counterfactual_length_gap",
        summary="Largest difference between groups in the mean number of words of an answer.",
        most=math.inf,
        unit="words",
    ),
)
