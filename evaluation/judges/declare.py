"""A judge's metric: people's mean predicted by the judge, or the judge's own, and void where it can't be believed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from evaluation.errors import Undefined
from evaluation.judges.config import Against, JudgeConfig, Mode
from evaluation.judges.judge import Judge
from evaluation.judges.labelled import LabelledSet
from evaluation.judges.prompts import Item, Pair
from evaluation.judges.standing import Standing
from evaluation.metrics.base import Corrected, Mean, Metric, Need, Sample, require
from evaluation.stats.ppi import Scores, corrected_mean
from evaluation.text.declare import TEXT_TASKS, measured
from evaluation.text.rows import Scored, TextRows
from evaluation.types import Direction

# Column of TextRows.inputs that whoever compares with a champion adds: its answer to the same case.
CHAMPION_ANSWER = "(champion's answer)"


def judge_metric(config: JudgeConfig) -> Metric:
    """What a judge measures, without anybody to ask: to read policies, and scores that are there already.

    >>> metric = judge_metric(JudgeConfig(name="tone", rubric="Is it polite?"))
    >>> metric.name, metric.range, metric.summary
    ('judge_tone', (1.0, 5.0), "Mean score of judge 'tone' (SmolLM2-135M-Instruct), which people may not share.")
    """

    def point(sample: Sample) -> float:
        return _mean(config, sample)

    point.__doc__ = _summary(config)
    columns = partial(measured, name=config.metric)
    return Metric(
        name=config.metric,
        direction=Direction.HIGHER_IS_BETTER if config.higher_is_better else Direction.LOWER_IS_BETTER,
        range=config.range,
        tasks=TEXT_TASKS,
        point=point,
        design=Corrected(columns) if config.corrected else Mean(columns),
        # A preference is a comparison with the champion already.
        ranked=config.mode is Mode.POINTWISE,
        needs=frozenset({Need.CHAMPION} if config.compares else ()),
    )


def judging(judge: Judge, standing: Standing, labelled: LabelledSet | None = None) -> Metric:
    """The judge's metric with a scorer that asks the judge; a void judge is not asked, and every value is absent."""
    return replace(judge_metric(judge.config), scorer=partial(score, judge, standing, labelled))


def score(judge: Judge, standing: Standing, labelled: LabelledSet | None, rows: TextRows) -> Scored:
    """What a judge says of n answers: (n,), or (n, 3) with people's scores beside, where the judge is corrected."""
    config = judge.config
    if standing.problem is not None:
        return Scored.nothing(rows.n, standing.problem)
    if standing.digest != judge.digest:
        return Scored.nothing(rows.n, f"judge '{config.name}' has changed since it was examined")
    prompts, people = rows.prompts, np.full(rows.n, np.nan)
    if config.mode is Mode.POINTWISE:
        shown = _known(rows) if _with_references(labelled) else [None] * rows.n
        items = [Item(*each) for each in zip(prompts, rows.answers, shown, strict=True)]
        found = judge.score(items)
        if labelled is not None:
            people = labelled.said_of(prompts, rows.answers)
    else:
        others = _others(config, rows)
        if others is None:
            return Scored.nothing(rows.n, f"judge '{config.name}' has nothing to compare the answers with")
        found = judge.prefer([Pair(*each) for each in zip(prompts, rows.answers, others, strict=True)])
        if labelled is not None:
            ahead = labelled.said_of(prompts, rows.answers) - labelled.said_of(prompts, others)
            people = (1 + np.sign(ahead)) / 2
    if not config.corrected:
        return Scored(found.values, found.problems)
    asked = np.isfinite(people)
    columns = np.stack([found.values, asked.astype(np.float64), np.where(asked, people, 0.0)], axis=1)
    return Scored(columns, found.problems)


def _others(config: JudgeConfig, rows: TextRows) -> list[str] | None:
    """What each answer is held against, None where one of them lacks it."""
    if config.against is Against.REFERENCE:
        found = _known(rows)
    else:
        found = rows.column(CHAMPION_ANSWER) if CHAMPION_ANSWER in rows.inputs.columns else [None] * rows.n
    return None if any(text is None for text in found) else [str(text) for text in found]


def _with_references(labelled: LabelledSet | None) -> bool:
    """A judge is asked as it was examined: it sees references if it saw them beside the answers that people scored."""
    return labelled is None or any(item.reference for item in labelled.items)


def _known(rows: TextRows) -> Sequence[str | None]:
    return [next((text for text in texts if text.strip()), None) for texts in rows.references]


def _mean(config: JudgeConfig, sample: Sample) -> float:
    found = measured(sample, config.metric)
    require(len(found) > 0, "no rows")
    if not config.corrected:
        return math.fsum(found) / len(found)
    interval = corrected_mean(Scores.of(found, sample.units))
    if interval.value is None:
        raise Undefined(interval.problem or "no value")
    return interval.value


def _summary(config: JudgeConfig) -> str:
    who = f"judge '{config.name}' ({config.endpoint.model})"
    what = "Mean score" if config.mode is Mode.POINTWISE else f"Share of wins over the {config.against.value}"
    if config.corrected:
        return f"{what} that people would give, predicted by {who} and corrected by their scores."
    return f"{what} of {who}, which people may not share."
