"""What a check is: one frozen context in, findings out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from evaluation.errors import WeighbridgeError
from evaluation.stats.intervals import Interval
from evaluation.types import Estimate, Task, Verdict
from monitoring.config import MonitorConfig
from monitoring.store.writers import WriterState
from monitoring.types import Finding, Severity
from monitoring.windows import Windows

MONTH = timedelta(days=30)
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class WatchContext:
    """Everything a check may know; frames have the columns of `RequestLog.read`."""

    windows: Windows
    config: MonitorConfig
    task: Task
    model: str
    version: str
    now: datetime
    writers: tuple[WriterState, ...] = ()
    """What the server processes say of their request logs; empty where none has said anything."""

    @property
    def reference(self) -> pl.DataFrame:
        """The holdout as the model saw it when it was weighed."""
        return self.windows.reference

    @property
    def current(self) -> pl.DataFrame:
        """The newest records, oldest first; may be empty."""
        return self.windows.current

    @property
    def windows_per_month(self) -> float:
        """How many passes 30 days hold when one starts every `monitor.every`."""
        return MONTH / self.config.every

    @property
    def alarm_error(self) -> float:
        """The chance of a false alarm that one pass may take, so that 30 days of passes keep the budget.

        At most 0.05, however generous the budget, so that a limit at this error also holds at confidence
        0.95.
        """
        return min(1 - CONFIDENCE, self.config.drift.false_alarms_per_month / self.windows_per_month)


class Check(Protocol):
    """Something that is looked at in every pass.

    A check yields the same findings (check, subject) in every pass as long as the policy is the same, so
    that a finding can be seen to go away; what can't be judged is INCONCLUSIVE with the problem, never left
    out.
    """

    @property
    def name(self) -> str:
        """Under which its findings are listed."""
        ...

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """Judge one window; empty where the policy asks for nothing here."""
        ...


def inconclusive(
    check: str, subject: str, problem: str, *, n: int = 0, severity: Severity = Severity.INFO
) -> Finding:
    """A finding that can't be judged, and why.

    >>> inconclusive("latency", "p95", "no record").verdict
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.INCONCLUSIVE,
        severity=severity,
        message=f"{subject} can't be judged: {problem}",
        estimate=Estimate.missing(problem, n=n, confidence=CONFIDENCE),
    )


def judge(estimate: Estimate, *, at_least: float | None = None, at_most: float | None = None) -> Verdict:
    """Compare an interval with one bound: wholly inside is PASS, wholly outside FAIL, else INCONCLUSIVE.

    >>> found = Estimate(0.8, 0.75, 0.85, 400, 0.95, "Wilson score")
    >>> [str(judge(found, at_least=bound)) for bound in (0.7, 0.8, 0.9)]
    ['pass', 'inconclusive', 'fail']
    """
    low, high = estimate.low, estimate.high
    if not estimate.usable or low is None or high is None:
        return Verdict.INCONCLUSIVE
    if at_most is not None:
        return Verdict.FAIL if low > at_most else Verdict.PASS if high <= at_most else Verdict.INCONCLUSIVE
    if at_least is not None:
        return Verdict.FAIL if high < at_least else Verdict.PASS if low >= at_least else Verdict.INCONCLUSIVE
    return Verdict.INCONCLUSIVE


def guarded(name: str, look: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Call a plug-in; if it raises, that is a finding of its own and the pass goes on.

    >>> guarded("drift", lambda: 1 / 0)[0].estimate.problem
    'the check raised ZeroDivisionError: division by zero'
    """
    try:
        return look()
    except WeighbridgeError as error:
        problem = f"{error.found}; {error.next_step}" if error.next_step else error.found
    except Exception as error:  # noqa: BLE001 one check's fault must not hide what the others see
        problem = f"the check raised {error.__class__.__name__}: {error}"[:300]
    return (inconclusive(name, name, problem, severity=Severity.WARNING),)


def estimated(value: float, interval: Interval, n: int, alarm_error: float) -> Estimate:
    """A value with the limits of a check that may alarm: the lower one at the alarm's error, the upper one at 95 %."""
    low, high = interval.limits(alarm_error)[0], interval.limits(1 - CONFIDENCE)[1]
    return Estimate(
        value,
        low if math.isfinite(low) else None,
        high if math.isfinite(high) else None,
        n,
        CONFIDENCE,
        f"{interval.method}, lower limit at error {alarm_error:.2g}",
        interval.problem_at(min(alarm_error, 1 - CONFIDENCE)),
    )
