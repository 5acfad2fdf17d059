"""Tiers, waivers, evidence and advice in a report."""

from collections.abc import Callable
from typing import Any

import pytest

from evaluation.reports.blocks import Banner, Heading, Items, Paragraph, Stack, Table
from evaluation.reports.document import decision_document
from evaluation.reports.explain import explain

from .conftest import BIASED, OPEN, PASSED, check

MakeDecision = Callable[..., dict[str, Any]]


def after(heading: str, blocks: tuple[Any, ...]) -> Any:
    """The first block under a heading."""
    return blocks[next(i for i, b in enumerate(blocks) if isinstance(b, Heading) and b.text == heading) + 1]


@pytest.mark.parametrize(
    ("verdict", "consequence", "title", "told"),
    [
        ("inconclusive", "stop", "lending: not enough evidence", "was not registered"),
        ("inconclusive", "hold", "lending: not enough evidence, held", "registered as challenger"),
        (
            "inconclusive",
            "promote",
            "lending may serve, on a policy that lets open checks go by",
            "it may serve",
        ),
    ],
)
def test_an_open_release_says_what_becomes_of_it(
    verdict: str, consequence: str, title: str, told: str, make_decision: MakeDecision
) -> None:
    decision = make_decision(verdict, OPEN, consequence=consequence)
    banner = decision_document(decision).blocks[0]
    assert isinstance(banner, Banner)
    assert banner.title == title
    assert told in explain(decision).blocks[0].title


def test_evidence_is_shown_raw_and_adjusted(make_decision: MakeDecision) -> None:
    judged = check(
        "inconclusive",
        id="recall[education=other]",
        tier="supporting",
        family="recall over education",
        p_pass=1.0,
        p_fail=0.02,
        p_fail_adjusted=0.08,
        needed=12_000,
        resolvable=0.031,
    )
    table = after("Evidence", decision_document(make_decision("pass", PASSED, judged)).blocks)
    assert isinstance(table, Table)
    [row] = table.rows
    assert row[1] == Stack("recall[education=other]", "supporting, one of recall over education")
    assert row[2:] == ("1", "0.02", "0.08", "0.0310", "12,000 rows")


WAIVER = {"check": "equalized*", "owner": "ana", "reason": "labels come late", "until": "2026-12-31"}


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        ({**BIASED, "waiver": WAIVER}, "Waived by ana until 2026-12-31: labels come late"),
        ({**BIASED, "tier": "advisory"}, "The check is advisory."),
        ({**OPEN, "tier": "supporting"}, "only proven harm would stop the release"),
    ],
)
def test_a_check_that_weighs_less_says_so(
    judged: dict[str, Any], said: str, make_decision: MakeDecision
) -> None:
    items = after("What did not pass", decision_document(make_decision("pass", PASSED, judged)).blocks)
    assert isinstance(items, Items)
    assert said in items.items[0].text


def test_notes_on_waivers_are_paragraphs(make_decision: MakeDecision) -> None:
    note = "The waiver of recall by ana has expired on 2026-01-31."
    assert Paragraph(note) in decision_document(make_decision("pass", PASSED, notes=[note])).blocks


ADVICE = {
    "weakest_slices": {
        "searched": 57,
        "loss": "log loss",
        "slices": [
            {
                "rows": {"age": "below 30", "sex": "f"},
                "n": 812,
                "loss": 0.61,
                "outside": 0.42,
                "effect": 0.19,
                "p": 1e-6,
                "p_adjusted": 5.7e-5,
            }
        ],
    },
    "proxies": [{"feature": "marriage", "group": "age_band", "strength": 0.53, "note": ""}],
    "mitigation": [
        {
            "check": "equalized_odds_difference(age_band)",
            "method": "fairlearn ThresholdOptimizer",
            "constraint": "equalized_odds",
            "before": 0.35,
            "after": 0.04,
            "metric": "accuracy",
            "metric_before": 0.82,
            "metric_after": 0.81,
            "n": 4500,
            "note": "It needs age_band with every request.",
            "problem": None,
        },
        {
            "check": "group_mean_error_difference(sex)",
            "method": "fairlearn ExponentiatedGradient",
            "problem": "The task is regression.",
            "after": None,
            "note": "",
        },
    ],
}


def test_advice_is_told(make_decision: MakeDecision) -> None:
    blocks = decision_document(make_decision("fail", BIASED, advice=ADVICE)).blocks
    mended = after("What would mend the bias", blocks).items
    assert (
        "goes from 0.3500 to 0.0400, and accuracy goes from 0.8200 to 0.8100, on 4,500 rows" in mended[0].text
    )
    assert mended[1].text == "The task is regression."
    assert after("Proxies of sensitive columns", blocks).rows == (("marriage", "age_band", "0.5300", ""),)
    weakest = after("Weakest slices", blocks)
    assert weakest.rows == (("age=below 30, sex=f", "812", "0.6100", "0.4200", "+0.1900", "5.7e-05"),)
    assert "The worst of 57 slices that were searched, by log loss." in blocks[blocks.index(weakest) + 1].text


def test_without_advice_nothing_is_said(make_decision: MakeDecision) -> None:
    headings = [
        b.text for b in decision_document(make_decision("pass", PASSED)).blocks if isinstance(b, Heading)
    ]
    assert not {"Weakest slices", "Proxies of sensitive columns", "What would mend the bias"} & set(headings)
