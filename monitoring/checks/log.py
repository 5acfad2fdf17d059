"""Whether the servers can write down what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evaluation.types import Estimate, Verdict
from monitoring.checks.base import CONFIDENCE, WatchContext
from monitoring.store.writers import WriterState
from monitoring.types import Finding, Severity

NAME = "log"
# A writer says how it is every two seconds.
_SILENT_AFTER = timedelta(minutes=1)
# One failed append that succeeds when it is repeated is nothing to wake anybody for.
_STUCK_AFTER = timedelta(seconds=10)
# A store that neither takes nor refuses.
_HANGS_AFTER = timedelta(minutes=1)
_LOST_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Log:
    """Reads what every server process says of its writer; nothing to say where none has said anything.

    - lost: records dropped or refused since the pass before (at least the last ten minutes) are a FAIL.
    - waiting: a FAIL while a writer can't store, or while records wait whose process is gone.

    Counts are exact, so their interval has no width; both are judged however few records the window holds.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """Two findings, `lost` and `waiting`."""
        return (_lost(context), _waiting(context)) if context.writers else ()


def _lost(context: WatchContext) -> Finding:
    recent = context.now - max(_LOST_WITHIN, 2 * context.config.every)
    losing = [each for each in context.writers if each.lost_at is not None and each.lost_at >= recent]
    dropped = sum(each.dropped for each in losing)
    refused = sum(each.refused for each in losing)
    if not losing:
        said = "no record was lost"
    else:
        said = (
            f"{dropped} records were lost and {refused} requests refused, as they could not be written down"
        )
    return _finding("lost", dropped + refused, said, Severity.CRITICAL, context.writers)


def _waiting(context: WatchContext) -> Finding:
    at_work = [each for each in context.writers if not each.ended]
    silent = [each for each in at_work if each.at < context.now - _SILENT_AFTER]
    stuck = [
        each
        for each in at_work
        if each not in silent
        and (
            _since(each.failing_since, context) > _STUCK_AFTER or _since(each.oldest, context) > _HANGS_AFTER
        )
    ]
    troubles = []
    if stuck:
        longest = max(
            max(_since(each.failing_since, context), _since(each.oldest, context)) for each in stuck
        )
        troubles.append(
            f"{len(stuck)} of {len(at_work)} writers can't store since {longest.total_seconds() / 60:.0f} min: "
            f"{sum(each.waiting for each in stuck)} records wait; is the disk full, or the store down?"
        )
    if on_disk := sum(each.waiting for each in silent if each.on_disk):
        troubles.append(
            f"{on_disk} records wait in the journals of processes that are gone, for the next server"
        )
    if in_memory := sum(each.waiting for each in silent if not each.on_disk):
        troubles.append(f"a process is gone that held {in_memory} records in memory")
    count = sum(max(1, each.waiting) for each in stuck) + on_disk + in_memory
    said = "; ".join(troubles) or f"{len(at_work)} writers at work, none in trouble"
    return _finding("waiting", count, said, Severity.WARNING, context.writers)


def _since(moment: datetime | None, context: WatchContext) -> timedelta:
    return timedelta(0) if moment is None else context.now - moment


def _finding(
    subject: str, count: int, said: str, severity: Severity, writers: Sequence[WriterState]
) -> Finding:
    return Finding(
        check=NAME,
        subject=subject,
        verdict=Verdict.FAIL if count else Verdict.PASS,
        severity=severity if count else Severity.INFO,
        message=said,
        estimate=Estimate(count, count, count, len(writers), CONFIDENCE, "count", unit="writer"),
        bound=0,
    )
