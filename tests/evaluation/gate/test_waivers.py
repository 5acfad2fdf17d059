"""Which check a waiver is about, and until when."""

from datetime import date

import pytest

from evaluation.config import WaiverConfig
from evaluation.gate.waivers import notes, waiver_for

TODAY = date(2026, 11, 22)


def waiver(check: str, until: date = date(2026, 12, 31)) -> WaiverConfig:
    return WaiverConfig(check=check, owner="ana@example.org", reason="labels come late", until=until)


@pytest.mark.parametrize(
    ("pattern", "check", "matches"),
    [
        ("recall", "recall", True),
        ("recall", "recall[sex=f]", False),
        ("recall[sex=f]", "recall[sex=f]", True),
        ("recall*", "recall[sex=f]", True),
        ("recall[sex=*]", "recall[sex=f]", True),
        ("recall[sex=*]", "recall[age=f]", False),
        ("*.vs_champion", "roc_auc.vs_champion", True),
        ("RECALL", "recall", False),
    ],
)
def test_a_pattern_is_matched_letter_by_letter(pattern: str, check: str, matches: bool) -> None:
    assert (waiver_for(check, [waiver(pattern)], TODAY) is not None) is matches


@pytest.mark.parametrize(
    ("until", "holds"),
    [(date(2026, 11, 21), False), (TODAY, True), (date(2026, 11, 23), True)],
)
def test_it_holds_to_the_end_of_its_last_day(until: date, holds: bool) -> None:
    assert (waiver_for("recall", [waiver("recall", until)], TODAY) is not None) is holds


def test_an_expired_one_does_not_hide_a_valid_one() -> None:
    found = waiver_for("recall", [waiver("recall", date(2026, 1, 1)), waiver("rec*")], TODAY)
    assert found is not None
    assert (found.check, found.until) == ("rec*", "2026-12-31")


def test_waivers_that_do_nothing_are_told() -> None:
    found = notes(
        ["recall"], [waiver("recall"), waiver("precision"), waiver("recall", date(2026, 1, 1))], TODAY
    )
    assert found == [
        "The waiver of precision by ana@example.org is about no check of this policy.",
        "The waiver of recall by ana@example.org has expired on 2026-01-01.",
    ]
