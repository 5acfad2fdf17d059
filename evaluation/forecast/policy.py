"""The policy as a forecast can use it: what a pilot can answer, cut alike in every draw."""

from dataclasses import replace

import polars as pl

from evaluation.answers import Answers
from evaluation.columns import quantile_edges
from evaluation.config import Bins, CheckConfig, GateConfig, Part, SliceBy
from evaluation.forecast.simulate import Judge
from evaluation.metrics.base import Metric, Need
from evaluation.plan import BESIDE_ROWS


def answerable(judge: Judge, pilot: Answers) -> tuple[Judge, list[str]]:
    """Leave out of the policy what a pilot can't answer, and say what that is."""
    kept: list[CheckConfig] = []
    notes: list[str] = []
    for check in judge.gate.checks:
        found, missing = _answered(check, judge.metrics[check.metric], pilot)
        kept += [found] if found is not None else []
        notes += [f"{check.metric} {missing}: left out of the chance for the gate."] if missing else []
    return replace(judge, gate=judge.gate.model_copy(update={"checks": tuple(kept)})), notes


def _answered(check: CheckConfig, metric: Metric, pilot: Answers) -> tuple[CheckConfig | None, str | None]:
    """As much of a line of policy as a pilot can answer, and what it can't."""
    if not metric.needs.isdisjoint(BESIDE_ROWS):
        return None, "is asked beside the rows"
    timed, against = Need.LATENCY in metric.needs, check.no_worse_than_champion_by is not None
    if timed and pilot.latency_ms is None:
        return None, "was not timed by the pilot"
    theirs = pilot.champion_latency_ms if timed else pilot.champion
    if not against or theirs is not None:
        return check, None
    alone = check.model_copy(update={"no_worse_than_champion_by": None})
    bounded = check.at_least is not None or check.at_most is not None
    return alone if bounded else None, "against the champion is not told by the pilot"


def with_edges(gate: GateConfig, frame: pl.DataFrame) -> GateConfig:
    """The policy with the edges that its bins have on this holdout, so that every draw is cut alike."""

    def part(found: Part) -> Part:
        if isinstance(found, str) or isinstance(found.bins, tuple) or found.column not in frame.columns:
            return found
        edges = quantile_edges(frame[found.column].cast(pl.Float64, strict=False).to_numpy(), found.bins)
        return Bins(column=found.column, bins=tuple(edges.tolist())) if len(edges) else found

    def by(found: SliceBy) -> SliceBy:
        return (part(found[0]), part(found[1])) if isinstance(found, tuple) else part(found)

    def check(found: CheckConfig) -> CheckConfig:
        update = {"groups": tuple(map(part, found.groups)), "slices": tuple(map(by, found.slices))}
        return found.model_copy(update=update)

    return gate.model_copy(update={"checks": tuple(map(check, gate.checks))})
