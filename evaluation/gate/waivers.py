"""Exceptions that someone answers for: which check they are about, and whether they still hold."""

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase

from evaluation.config import WaiverConfig
from evaluation.types import Waiver


def waiver_for(check_id: str, waivers: Sequence[WaiverConfig], today: date) -> Waiver | None:
    """The first waiver that matches a check's id and has not expired, or None.

    A pattern's `*` stands for any text; brackets stand for themselves, as ids of slices hold them.

    >>> known = [WaiverConfig(check="recall[*]", owner="ana", reason="new labels", until=date(2026, 12, 31))]
    >>> waiver_for("recall[education=school]", known, date(2026, 12, 31)).owner
    'ana'
    >>> waiver_for("recall[education=school]", known, date(2027, 1, 1)) is None
    True
    """
    for waiver in waivers:
        if matches(waiver, check_id) and today <= waiver.until:
            return Waiver(waiver.check, waiver.owner, waiver.reason, waiver.until.isoformat())
    return None


def matches(waiver: WaiverConfig, check_id: str) -> bool:
    """Whether a waiver is about a check."""
    return fnmatchcase(check_id, waiver.check.replace("[", "[[]"))


def notes(check_ids: Sequence[str], waivers: Sequence[WaiverConfig], today: date) -> list[str]:
    """What people must know about waivers that did nothing: expired, or about no check.

    >>> old = WaiverConfig(check="recall", owner="ana", reason="new labels", until=date(2026, 1, 31))
    >>> notes(["recall"], [old], date(2026, 2, 1))
    ['The waiver of recall by ana has expired on 2026-01-31.']
    """
    found = []
    for waiver in waivers:
        if today > waiver.until:
            found.append(f"The waiver of {waiver.check} by {waiver.owner} has expired on {waiver.until}.")
        elif not any(matches(waiver, check_id) for check_id in check_ids):
            found.append(f"The waiver of {waiver.check} by {waiver.owner} is about no check of this policy.")
    return found
