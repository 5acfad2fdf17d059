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


class Form(StrEnum):
    """What one answer of a model is."""

    CLASS = "class"
    NUMBER = "number"
    TEXT = "text"


class Task(StrEnum):
    """What the model is for."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    GENERATION = "generation"
    RAG = "rag"

    @property
    def form(self) -> Form:
        """What its answers are.

        >>> Task.RAG.form
        <Form.TEXT: 'text'>
        """
        if self is Task.REGRESSION:
            return Form.NUMBER
        return Form.TEXT if self in {Task.GENERATION, Task.RAG} else Form.CLASS


class Direction(StrEnum):
    """Which way a metric gets better."""

    HIGHER_IS_BETTER = "higher"
    LOWER_IS_BETTER = "lower"


class Tier(StrEnum):
    """How much of a release hangs on a check.

    A critical check must pass. A supporting one must not fail: harm that is proven stops the release, too little
    evidence does not. An advisory one is shown and decides nothing.
    """

    CRITICAL = "critical"
    SUPPORTING = "supporting"
    ADVISORY = "advisory"


class OnInconclusive(StrEnum):
    """What becomes of a release that could be neither passed nor failed."""

    BLOCK = "block"
    HOLD = "hold"
    WARN = "warn"


class Consequence(StrEnum):
    """What a decision allows: serve, be registered and wait for a person, or nothing."""

    PROMOTE = "promote"
    HOLD = "hold"
    STOP = "stop"


class CheckKind(StrEnum):
    """What a check's estimate is compared with."""

    ABSOLUTE = "absolute"
    CHAMPION = "champion"


@dataclass(frozen=True)
class Outputs:
    """What a model said about n rows.

    labels: (n,) predicted class, predicted value, or text; None where a text could not be had.
    scores: (n,) probability of the positive class (binary), (n, k) probabilities (multi-class), None for
    numbers and texts.
    facts: (n, columns) what else is known of each text, such as its prompt, tokens, cost and milliseconds, in
    the columns that `evaluation.text.rows` names; None for other answers.
    row_scores: what was measured of each text by the name of its metric, (n,) or (n, k), NaN where it could
    not be; row_problems: why, (n,) texts or None, for metrics that say so.
    """

    labels: NDArray[Any]
    scores: FloatArray | None = None
    facts: pl.DataFrame | None = None
    row_scores: Mapping[str, FloatArray] = field(default_factory=dict)
    row_problems: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def latency_ms(self) -> FloatArray | None:
        """Milliseconds of each answer that was had, (answered,), where the answers themselves were timed."""
        if self.facts is None or "latency_ms" not in self.facts.columns:
            return None
        return self.facts["latency_ms"].drop_nulls().to_numpy()

    def at(self, rows: IntArray) -> Outputs:
        """The same of some rows, by index."""
        return Outputs(
            self.labels[rows],
            None if self.scores is None else self.scores[rows],
            None if self.facts is None else self.facts[rows],
            {name: values[rows] for name, values in self.row_scores.items()},
            {name: values[rows] for name, values in self.row_problems.items()},
        )


class Predictor(Protocol):
    """Anything that answers for rows of features; evaluation knows no more about a model than this."""

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order."""
        ...


@dataclass(frozen=True)
class Estimate:
    """A metric's value with the interval that the gate compares, never without its n.

    low and high are one-sided limits, each at `confidence` (0.95 means 5 % error on either side).
    n counts what was sampled independently: rows, requests, or values of the policy's `unit` column.
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
    unit: str = "row"

    @property
    def usable(self) -> bool:
        """Whether value and both limits exist and no guard objected."""
        return None not in (self.value, self.low, self.high) and self.problem is None

    @classmethod
    def missing(
        cls, problem: str, *, n: int, confidence: float, method: str = "none", unit: str = "row"
    ) -> Estimate:
        """An estimate that could not be had, and why."""
        return cls(None, None, None, n, confidence, method, problem, unit)


@dataclass(frozen=True)
class Allowance:
    """How much error one decision may make on either side, and what that share is a share of.

    alpha: the policy's, 1 - confidence. level: what every limit of this decision is taken at, at most alpha.
    candidate, candidates: this is the k-th of so many challengers that the test set may judge.
    looks: rows at each time the same challenger was asked about, this one last; planned_rows: where they end.
    overlap: share of the test set's rows that earlier decisions have seen.
    problem: why nothing is left to spend; every check is then inconclusive.

    >>> Allowance.whole(0.05).level
    0.05
    """

    alpha: float
    level: float
    candidate: int = 1
    candidates: int = 1
    looks: tuple[int, ...] = ()
    planned_rows: int | None = None
    overlap: float = 0.0
    problem: str | None = None

    @classmethod
    def whole(cls, alpha: float) -> Allowance:
        """All of alpha for one decision on a fresh test set."""
        return cls(alpha, alpha)


@dataclass(frozen=True)
class Waiver:
    """An exception to the checks whose id matches `check` (a pattern such as `recall*`), until a day."""

    check: str
    owner: str
    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one line of policy found, before anyone judges it.

    For kind `absolute` the estimate is the challenger's metric; for kind `champion` it is the paired
    difference challenger minus champion, in the metric's own unit and sign. `rows` names the slice
    ({"education": "university"}) or is empty for all rows; `groups` names the sensitive columns of a bias
    metric. `detail` carries values per group.

    p_pass and p_fail are the raw evidence: the smallest error on one side at which this measurement alone
    would pass or fail, None where it can't be judged. Checks of one `family` (slices of one line of policy)
    are told to fail only together, see `evaluation.gate.decide`.
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
    tier: Tier = Tier.CRITICAL
    family: str | None = None
    p_pass: float | None = None
    p_fail: float | None = None


@dataclass(frozen=True, kw_only=True)
class CheckResult(Measurement):
    """A measurement, judged; `reason` is one plain sentence with the numbers in it.

    p_fail_adjusted: p_fail after Holm's correction over the family, equal to it without one.
    needed: units that would decide, were the value to stay; resolvable: the least distance from the bound
    that these rows decide four times in five. Both None where they can't be told.
    waiver: the exception that takes this check out of the verdict, None without one.
    """

    verdict: Verdict
    reason: str
    p_fail_adjusted: float | None = None
    needed: int | None = None
    resolvable: float | None = None
    waiver: Waiver | None = None


@dataclass(frozen=True)
class GateOutcome:
    """All checks of a release and what they add up to.

    `not_compared` lists checks that need a champion when there is none: (check id, reason). They are never
    counted as passed; a policy of nothing else is inconclusive. `notes` are sentences for people, such as a
    waiver that has expired.
    """

    verdict: Verdict
    consequence: Consequence
    checks: tuple[CheckResult, ...]
    not_compared: tuple[tuple[str, str], ...] = ()
    allowance: Allowance | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurements:
    """What evaluating a challenger found, before the gate judges it.

    `overview` holds the task's usual metrics on all rows, whether or not the policy names them; `rows` is
    how many rows were weighed; `not_compared` is as in GateOutcome. `allowance` is what the limits were
    taken at. `advice` holds what helps people and decides nothing: weakest slices, proxies, mitigation.
    """

    items: tuple[Measurement, ...]
    not_compared: tuple[tuple[str, str], ...] = ()
    overview: Mapping[str, Estimate] = field(default_factory=dict)
    rows: int = 0
    allowance: Allowance | None = None
    advice: Mapping[str, Any] = field(default_factory=dict)
