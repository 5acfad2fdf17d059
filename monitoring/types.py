"""What monitoring sees and says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from evaluation.types import Estimate, Verdict


class Severity(StrEnum):
    """How soon a person should look, least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position in the order of urgency, 0 for info.

        >>> Severity.CRITICAL.rank > Severity.WARNING.rank
        True
        """
        return list(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """What one check saw in one window.

    `verdict` is PASS (nothing to tell), FAIL (tell someone) or INCONCLUSIVE (too little data, no labels, a
    check that raised); `estimate` carries the interval that was compared with `bound`. Severity says how
    soon to look when the verdict is not PASS. Findings of successive passes are the same when check and
    subject are the same.
    """

    check: str
    subject: str
    verdict: Verdict
    severity: Severity
    message: str
    estimate: Estimate
    bound: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """What a person is told; `resolved` says that its findings have gone away."""

    model: str
    version: str
    severity: Severity
    title: str
    body: str
    findings: tuple[Finding, ...]
    at: datetime
    resolved: bool = False


@dataclass(frozen=True)
class Delivery:
    """What became of one alert on its way to one address, which is never in `problem`: it may be a secret."""

    ok: bool
    at: datetime
    problem: str | None = None


class Action(Protocol):
    """What a finding may set in motion; mlops implements rollback and retraining."""

    name: str

    def run(self, findings: tuple[Finding, ...]) -> str:
        """Act, and say in one sentence what was done."""
        ...
