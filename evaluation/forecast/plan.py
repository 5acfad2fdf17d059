"""Before a run: what every check of a policy can decide on a holdout, and how likely an equally good model passes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.answers import Answers
from evaluation.columns import unit_codes
from evaluation.config import GateConfig
from evaluation.forecast.assumed import assumed
from evaluation.forecast.needed import MOST_UNITS, Probe, distance, needed, prober, reach
from evaluation.forecast.policy import answerable, with_edges
from evaluation.forecast.simulate import Judge, Seen, Simulation, simulate
from evaluation.metrics.base import Metric, Need
from evaluation.metrics.builtin import METRICS
from evaluation.plan import Line, expand, latency_requests
from evaluation.samples import models
from evaluation.stats.power import chance_to_pass, needed_units, resolvable
from evaluation.types import Allowance, CheckKind, IntArray, Outputs, Task, Tier

_WORK = 4_000_000
_LEAST_RUNS = 40
_SHARE_OF_RUNS = 0.8


class Basis(StrEnum):
    """Where a check's spread was taken from."""

    PAIR = "pair"
    SINGLE = "single"
    ASSUMED = "assumed"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class CheckForecast:
    """What one check can decide.

    n: units at hand. value: what is taken for the truth: 0 against the champion, else the pilot's; None unknown.
    needed: units for 80 % power. resolvable: the least distance between truth and bound that the units at hand decide
    with 80 %. chance: that an equally good model passes. Each None where it can't be told;
    `note` says why.
    """

    id: str
    metric: str
    tier: Tier
    kind: CheckKind
    comparison: str
    bound: float
    n: int
    unit: str
    basis: Basis
    value: float | None = None
    needed: int | None = None
    resolvable: float | None = None
    chance: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class GateForecast:
    """All checks, and the chance that an equally good model passes the gate as a whole.

    chance: from `runs` simulated releases, with `error`, its standard error; units: at hand. None without a
    pilot. What the pilot could not answer is left out of it, and named in `notes`.
    """

    checks: tuple[CheckForecast, ...]
    allowance: Allowance
    pilot: str | None
    chance: float | None = None
    error: float | None = None
    runs: int = 0
    units: int = 0
    unit: str = "row"
    notes: tuple[str, ...] = ()


def forecast(  # noqa: PLR0913 - keyword-only, one for each thing that a forecast is about
    *,
    task: Task,
    gate: GateConfig,
    frame: pl.DataFrame,
    target: NDArray[Any],
    pilot: Answers | None,
    allowance: Allowance,
    runs: int = 200,
    metrics: Mapping[str, Metric] = METRICS,
    progress: Callable[[float], None] | None = None,
) -> GateForecast:
    """Say for every check what it can decide, on the holdout at hand, at the level that an allowance leaves.

    frame, target: the holdout, n rows. An equally good model is one whose true values are the pilot's, and whose true
    difference to the champion is 0; its answers differ from the champion's as the pilot's two models' do.

    Raises UserError as `evaluation.plan.expand` does.
    """
    gate = with_edges(gate, frame)
    lines = expand(gate, task=task, frame=frame, metrics=metrics)
    codes = unit_codes(frame, gate.unit) if gate.unit else np.arange(frame.height)
    units = len(np.unique(codes))
    judge = Judge(task, gate, replace(allowance, problem=None), metrics)
    advance = progress or (lambda _: None)
    drawn: _Runs | None = None
    notes: list[str] = []
    if pilot is not None:
        judge, notes = answerable(judge, pilot)
    if pilot is not None and judge.gate.checks:
        drawn = _draw(pilot, judge, units, runs, lambda share: advance(_SHARE_OF_RUNS * share))
        if drawn.units < units:
            notes.append(f"Simulated on {drawn.units:,} of {units:,} units: the chances are at least these.")
    holdout = _Holdout(codes, models(task, target, [Outputs(target)])[0].sample.target, gate)
    checks = []
    for done, line in enumerate(lines, start=1):
        checks.append(_check(line, holdout, drawn, allowance))
        advance(_SHARE_OF_RUNS + (1 - _SHARE_OF_RUNS) * done / len(lines))
    chance = None if drawn is None else drawn.simulation.passed
    if allowance.problem is not None:
        notes, chance = [f"No release can pass now: {allowance.problem}.", *notes], 0.0
    return GateForecast(
        checks=tuple(checks),
        allowance=allowance,
        pilot=None if pilot is None else pilot.name,
        chance=chance,
        error=None if drawn is None else _error(drawn.simulation),
        runs=0 if drawn is None else drawn.simulation.runs,
        units=units,
        unit=gate.sampled or "row",
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Runs:
    """Releases on so many units each, made of a pilot."""

    pilot: Answers
    judge: Judge
    units: int
    simulation: Simulation


def _draw(pilot: Answers, judge: Judge, units: int, runs: int, progress: Callable[[float], None]) -> _Runs:
    units = min(units, MOST_UNITS)
    runs = min(runs, max(_LEAST_RUNS, _WORK // units))
    return _Runs(pilot, judge, units, simulate(pilot, judge, units=units, runs=runs, progress=progress))


def _error(seen: Simulation) -> float:
    """Standard error of the share that passed; one run of either kind is added, so that none or all is not certain."""
    share = (seen.passed * seen.runs + 1) / (seen.runs + 2)
    return math.sqrt(share * (1 - share) / (seen.runs + 2))


@dataclass(frozen=True)
class _Holdout:
    """The rows at hand: the unit and the class of each."""

    units: IntArray
    classes: IntArray
    gate: GateConfig

    def count(self, line: Line) -> int:
        if Need.LATENCY in line.metric.needs:
            return latency_requests(self.gate)
        return len(np.unique(self.units if line.part is None else self.units[line.part.mask]))

    def classes_of(self, line: Line) -> IntArray:
        return self.classes if line.part is None else self.classes[line.part.mask]


def _check(line: Line, holdout: _Holdout, drawn: _Runs | None, allowance: Allowance) -> CheckForecast:
    timed = Need.LATENCY in line.metric.needs
    unit = "request" if timed else holdout.gate.sampled or "row"
    base = CheckForecast(
        id=line.id,
        metric=line.metric.name,
        tier=line.tier,
        kind=line.kind,
        comparison=line.comparison,
        bound=line.bound,
        n=holdout.count(line),
        unit=unit,
        basis=Basis.NONE,
    )
    found = None if drawn is None else drawn.simulation.checks.get((line.id, line.comparison))
    if drawn is None or found is None:
        return _from_assumptions(base, line, holdout, allowance)
    basis = Basis.SINGLE if drawn.pilot.champion is None else Basis.PAIR
    probe = prober(line, found, drawn.pilot, drawn.judge, drawn.units)
    return _from_runs(replace(base, basis=basis, chance=found.passed), line, found, probe)


def _from_runs(base: CheckForecast, line: Line, seen: Seen, probe: Probe) -> CheckForecast:
    far = reach(line, seen)
    base = replace(base, value=seen.truth, note=seen.problem)
    if far is None or seen.truth is None:
        return base
    base = replace(base, resolvable=far * math.sqrt(seen.n / base.n))
    if distance(line, seen.truth) <= 0:
        return replace(base, note="a model as good as the pilot's breaks the bound")
    if Need.LATENCY in line.metric.needs:
        return replace(base, needed=base.n if distance(line, seen.truth) >= far else None)
    return replace(base, needed=needed(line, seen, probe))


def _from_assumptions(
    base: CheckForecast, line: Line, holdout: _Holdout, allowance: Allowance
) -> CheckForecast:
    bounds: dict[str, float] = {}
    for check in holdout.gate.checks:
        if check.at_least is not None:
            bounds[check.metric] = max(check.at_least, bounds.get(check.metric, 0.0))
    found = assumed(line, holdout.classes_of(line), bounds)
    if found is None:
        return replace(base, note="nothing to take the spread from: evaluate a release first")
    level = allowance.level
    half = found.se * NormalDist().inv_cdf(1 - level)
    base = replace(base, basis=Basis.ASSUMED, note=found.why, resolvable=resolvable(-half, half, level))
    if line.kind is CheckKind.ABSOLUTE:
        return base
    return replace(
        base,
        value=0.0,
        needed=needed_units(0.0, -half, half, base.n, level, line.bound),
        chance=chance_to_pass(found.se, line.bound, level),
    )
