"""The spread of a check without answers to take it from: what is assumed is said in one sentence."""

import math
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Metric, Proportion, Ranking, Sample
from evaluation.plan import Line
from evaluation.types import CheckKind, IntArray

DISCORDANCE = 0.08
CORRELATION = 0.9
_TYPICAL_AUC = 0.8


@dataclass(frozen=True)
class Assumed:
    """A standard error and where it comes from."""

    se: float
    why: str


def assumed(line: Line, codes: IntArray, bounds: dict[str, float]) -> Assumed | None:
    """The standard error of a check on rows whose target has these class codes, (n,); None where nothing fits.

    bounds: the lower bound that the policy names for a metric, by name: where a ROC AUC is taken to lie.
    """
    design, against = line.metric.design, line.kind is CheckKind.CHAMPION
    if isinstance(design, Proportion):
        base = _base(design, codes)
        if base == 0:
            return None
        if against:
            why = f"the two models are taken to differ on {DISCORDANCE:.0%} of the {base:,} rows that count"
            return Assumed(math.sqrt(DISCORDANCE / base), why)
        why = f"the share is taken to lie on the bound, on {base:,} rows that count"
        return Assumed(math.sqrt(line.bound * (1 - line.bound) / base), why)
    if isinstance(design, Ranking):
        return _ranking(line.metric, line.bound, codes, bounds, against=against)
    return None


def _base(design: Proportion, codes: IntArray) -> int:
    """Rows that a share is taken on, as many as if the model were right everywhere."""
    return int(design.counts(Sample(codes, codes))[1].sum())


def _ranking(
    metric: Metric, bound: float, codes: IntArray, bounds: dict[str, float], *, against: bool
) -> Assumed | None:
    positives, negatives = int((codes == 1).sum()), int((codes == 0).sum())
    if positives == 0 or negatives == 0:
        return None
    auc = bounds.get(metric.name, _TYPICAL_AUC) if against else bound
    se, why = hanley_mcneil(auc, positives, negatives), f"Hanley and McNeil's variance at {auc:g}"
    if not against:
        return Assumed(se, why)
    return Assumed(
        se * math.sqrt(2 * (1 - CORRELATION)), f"{why}, two models' values correlated by {CORRELATION:g}"
    )


def hanley_mcneil(auc: float, positives: int, negatives: int) -> float:
    """Standard error of a ROC AUC from its value and the class sizes alone.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve".

    >>> round(hanley_mcneil(0.85, 100, 200), 4)
    0.0259
    """
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    extra = (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)
    return float(np.sqrt((auc * (1 - auc) + extra) / (positives * negatives)))
