"""The shared vocabulary. Imports nothing of ours, and nothing heavy: the command line starts with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
else:
    FloatArray = IntArray = Any


class Verdict(StrEnum):
    """What a check, or a release as a whole, was found to be."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @classmethod
    def worst(cls, verdicts: list[Verdict]) -> Verdict:
        """One fail fails the whole; one inconclusive leaves it open; nothing judged is never a pass.

        >>> Verdict.worst([Verdict.PASS, Verdict.INCONCLUSIVE])
        <Verdict.INCONCLUSIVE: 'inconclusive'>
        >>> Verdict.worst([])
        <Verdict.INCONCLUSIVE: 'inconclusive'>
        """
        if cls.FAIL in verdicts:
            return cls.FAIL
        if not verdicts or cls.INCONCLUSIVE in verdicts:
            return cls.INCONCLUSIVE
        return cls.PASS


class Task(StrEnum):
    """What the model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Direction(StrEnum):
    """Which way a metric gets better."""

    HIGHER_IS_BETTER = "higher"
    LOWER_IS_BETTER = "lower"


class CheckKind(StrEnum):
    """What a check's estimate is compared with."""

    ABSOLUTE = "absolute"
    CHAMPION = "champion"


@dataclass(frozen=True)
class Outputs:
    """What a model said about n rows.

    labels: (n,) predicted class or, for regression, the predicted value.
    scores: (n,) probability of the positive class (binary), (n, k) probabilities (multi-class), None
    (regression).
    """

    labels: NDArray[Any]
    scores: FloatArray | None = None


class Predictor(Protocol):
    """Anything that answers for rows of features; evaluation knows no more about a model than this."""

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order."""
        ...


@dataclass(frozen=True)
class Estimate:
    """A metric's value with the interval that the gate compares, never without its n.

    low and high are one-sided limits, each at `confidence` (0.95 means 5 % error on either side).
    A value that could not be had is None, and `problem` says why.

    >>> Estimate(value=0.78, low=0.77, high=0.79, n=6000, confidence=0.95, method="paired bootstrap").usable
    True
    >>> Estimate.missing("one class only", n=40, confidence=0.95).usable
    False
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float
    method: str
    problem: str | None = None

    @property
    def usable(self) -> bool:
        """Whether value and both limits exist and no guard objected."""
        return None not in (self.value, self.low, self.high) and self.problem is None

    @classmethod
    def missing(cls, problem: str, *, n: int, confidence: float, method: str = "none") -> Estimate:
        """An estimate that could not be had, and why."""
        return cls(None, None, None, n, confidence, method, problem)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one line of policy found, before anyone judges it.

    For kind `absolute` the estimate is the challenger's metric; for kind `champion` it is the paired
    difference challenger minus champion, in the metric's own unit and sign. `rows` names the slice
    ({"education": "university"}) or is empty for all rows; `groups` names the sensitive columns of a bias
    metric. `detail` carries values per group.
    """

    id: str
    metric: str
    kind: CheckKind
    direction: Direction
    comparison: str
    bound: float
    estimate: Estimate
    challenger: float | None = None
    champion: float | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckResult(Measurement):
    """A measurement, judged; `reason` is one plain sentence with the numbers in it."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class GateOutcome:
    """All checks of a release and what they add up to.

    `not_compared` lists checks that need a champion when there is none: (check id, reason). They are never
    counted as passed; a policy of nothing else is inconclusive.
    """

    verdict: Verdict
    checks: tuple[CheckResult, ...]
    not_compared: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Measurements:
    """What evaluating a challenger found, before the gate judges it.

    `overview` holds the task's usual metrics on all rows, whether or not the policy names them; `rows` is
    how many rows were weighed; `not_compared` is as in GateOutcome.
    """

    items: tuple[Measurement, ...]
    not_compared: tuple[tuple[str, str], ...] = ()
    overview: Mapping[str, Estimate] = field(default_factory=dict)
    rows: int = 0
