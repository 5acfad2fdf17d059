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

    `verdict` is PASS (nothing to tell), FAIL (tell someone) or INCONCLUSIVE (too little data, no labels, a check that
    raised); `estimate` carries the interval that was compared with `bound`.
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
    """What a person is told."""

    model: str
    version: str
    severity: Severity
    title: str
    body: str
    findings: tuple[Finding, ...]
    at: datetime


class Action(Protocol):
    """What a finding may set in motion; mlops implements rollback and retraining."""

    name: str

    def run(self, findings: tuple[Finding, ...]) -> str:
        """Act, and say in one sentence what was done."""
        ...
