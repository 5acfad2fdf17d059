"""One trial of a judge: an estimate held against the bounds that it must keep."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.metrics.base import Mean, Metric, Sample
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.stats.means import by_unit
from evaluation.types import Direction, Estimate, FloatArray, IntArray, Task, Verdict

# With more failures than this, what is left may be what the judge finds easy.
MAX_FAILED = 0.05


@dataclass(frozen=True)
class Trial:
    """What was found of a judge, and where it must lie; the limits are compared, not the value.

    at_least, at_most: None for no bound; with neither, the trial is only told and its verdict is a pass.
    """

    name: str
    estimate: Estimate
    verdict: Verdict
    reason: str
    at_least: float | None = None
    at_most: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for a record."""
        found = self.estimate
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "unit": found.unit,
            "method": found.method,
            "problem": found.problem,
        }


def tried(
    name: str, found: Estimate, *, at_least: float | None = None, at_most: float | None = None
) -> Trial:
    """Hold an estimate against its bounds: pass where both limits keep them, fail where they prove the contrary.

    >>> found = Estimate(value=0.04, low=0.01, high=0.07, n=100, confidence=0.95, method="t")
    >>> print(tried("position bias", found, at_least=-0.1, at_most=0.1).reason)
    position bias 0.040 (0.010 to 0.070, 100 rows) is within -0.1 to 0.1
    >>> tried("position bias", found, at_most=0.05).verdict
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    bounds: Mapping[str, float | None] = {"at_least": at_least, "at_most": at_most}
    low, high = found.low, found.high
    if found.problem is not None or found.value is None or low is None or high is None:
        reason = f"{name} can't be told: {found.problem or 'no limits'}"
        return Trial(name, found, Verdict.INCONCLUSIVE, reason, **bounds)
    kept = (at_least is None or low >= at_least) and (at_most is None or high <= at_most)
    broken = (at_least is not None and high < at_least) or (at_most is not None and low > at_most)
    told = f"{name} {found.value:.3f} ({low:.3f} to {high:.3f}, {found.n:,} {found.unit}s)"
    allowed = _allowed(at_least, at_most)
    if kept:
        return Trial(name, found, Verdict.PASS, f"{told} is {allowed}" if allowed else told, **bounds)
    verdict = Verdict.FAIL if broken else Verdict.INCONCLUSIVE
    how = "is not" if broken else "is not shown to be"
    return Trial(name, found, verdict, f"{told} {how} {allowed}", **bounds)


def _allowed(at_least: float | None, at_most: float | None) -> str:
    if at_least is None:
        return "" if at_most is None else f"at most {at_most:g}"
    return f"at least {at_least:g}" if at_most is None else f"within {at_least:g} to {at_most:g}"


def gap(mine: FloatArray, theirs: FloatArray, settings: Settings, units: IntArray | None = None) -> Estimate:
    """The mean difference of two values in 0 to 1 a row, (n,) each, NaN where the judge failed.

    By the gate's own paired limits, which have width also where hardly any row differs; rows of a unit, (n,)
    codes, count together once. Inconclusive where more than 5 % of the rows have no value.

    >>> found = gap(np.tile([1.0, 0.5, 0.5], 40), np.full(120, 0.5), Settings())
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.167, 0.131, 0.204)
    """
    had = np.isfinite(mine) & np.isfinite(theirs)
    one, two = (_sample(values[had], None if units is None else units[had]) for values in (mine, theirs))
    [answer] = estimate([Question(_MEAN, one, two)], settings)
    found = replace(answer.estimate, unit=settings.unit)
    failed = len(had) - int(had.sum())
    if failed > MAX_FAILED * len(had):
        return replace(found, problem=f"the judge gave no score for {failed:,} of {len(had):,} {found.unit}s")
    return found


def _sample(values: FloatArray, units: IntArray | None) -> Sample:
    """Values as rows; of units their means, as the bound on rows that differ is for independent ones."""
    if units is not None:
        codes = np.unique(units, return_inverse=True)[1]
        values = by_unit(values, codes) / np.bincount(codes)
    return Sample(np.zeros(len(values)), values)


def _values(sample: Sample) -> FloatArray:
    return np.asarray(sample.label, dtype=np.float64)


_MEAN = Metric(
    name="points",
    direction=Direction.HIGHER_IS_BETTER,
    range=(0.0, 1.0),
    tasks=frozenset({Task.GENERATION, Task.RAG}),
    point=lambda sample: float(_values(sample).mean()),
    design=Mean(_values),
)
