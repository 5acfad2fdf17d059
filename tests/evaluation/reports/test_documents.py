"""What the reports say, before any format."""

from collections.abc import Callable
from typing import Any

import pytest

from evaluation.reports.blocks import (
    Badge,
    Banner,
    Block,
    Document,
    Facts,
    Folded,
    Heading,
    Items,
    Paragraph,
    Picture,
    Table,
    Tiles,
)
from evaluation.reports.document import decision_document, validation_document
from evaluation.reports.explain import explain
from evaluation.types import Verdict

from .conftest import BIASED, OPEN, PASSED, UNMEASURED

MakeDecision = Callable[..., dict[str, Any]]


def part(document: Document, heading: str) -> list[Block]:
    """The blocks under a heading."""
    blocks = list(document.blocks)
    start = next(i for i, block in enumerate(blocks) if isinstance(block, Heading) and block.text == heading)
    end = next((i for i in range(start + 1, len(blocks)) if isinstance(blocks[i], Heading)), len(blocks))
    return blocks[start + 1 : end]


def words(blocks: list[Block]) -> str:
    """All that paragraphs and points say."""
    said = [block.text for block in blocks if isinstance(block, Paragraph)]
    said += [
        f"{item.title}: {item.text}" for block in blocks if isinstance(block, Items) for item in block.items
    ]
    return "\n".join(said)


@pytest.mark.parametrize(
    ("verdict", "checks", "title", "text"),
    [
        ("pass", (PASSED, PASSED), "lending may serve", "All 2 checks passed."),
        ("pass", (PASSED,), "lending may serve", "The one check passed."),
        (
            "fail",
            (PASSED, BIASED, OPEN),
            "lending was stopped",
            "Of 3 checks: 1 failed, 1 inconclusive, 1 passed.",
        ),
        ("inconclusive", (OPEN,), "lending: not enough evidence", "Of 1 check: 1 inconclusive."),
        ("inconclusive", (), "lending: not enough evidence", "No check was made."),
    ],
)
def test_the_banner(
    verdict: str, checks: tuple[Any, ...], title: str, text: str, make_decision: MakeDecision
) -> None:
    assert decision_document(make_decision(verdict, *checks)).blocks[0] == Banner(
        Verdict(verdict), title, text
    )


def test_tiles_count(make_decision: MakeDecision) -> None:
    tiles = decision_document(make_decision("fail", PASSED, BIASED, OPEN)).blocks[1]
    assert isinstance(tiles, Tiles)
    assert [(tile.label, tile.value) for tile in tiles.tiles] == [
        ("passed", "1"),
        ("failed", "1"),
        ("inconclusive", "1"),
        ("rows weighed", "9,000"),
        ("champion", "version 3"),
    ]


def test_checks_are_listed_worst_first_with_their_picture(make_decision: MakeDecision) -> None:
    table = part(decision_document(make_decision("fail", PASSED, OPEN, BIASED, UNMEASURED)), "Checks")[0]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [
        Badge(Verdict(name)) for name in ("fail", "inconclusive", "inconclusive", "pass")
    ]
    biased, open_, unmeasured, passed = (row[2] for row in table.rows)
    assert isinstance(biased, Picture)
    assert (biased.low, biased.bound, biased.keeps_above) == (0.12, 0.1, False)
    assert isinstance(open_, Picture)
    assert (open_.bound, open_.keeps_above) == (-0.03, True)
    assert unmeasured == "too few requests"
    assert isinstance(passed, Picture)
    assert passed.start < 0.72
    assert passed.end > 0.79
    assert [row[4] for row in table.rows] == ["≤ 0.1", "> -0.03", "≤ 50", "≥ 0.72"]


def test_slices_of_a_metric_share_their_axis(make_decision: MakeDecision) -> None:
    other = {**OPEN, "estimate": {**OPEN["estimate"], "high": 0.4}}
    table = part(decision_document(make_decision("pass", OPEN, other)), "Checks")[0]
    one, two = (row[2] for row in table.rows)
    assert (one.start, one.end) == (two.start, two.end)


def test_rates_by_group_and_what_was_not_compared(make_decision: MakeDecision) -> None:
    left = [["f1.vs_champion", "no champion yet"]]
    document = decision_document(make_decision("fail", BIASED, not_compared=left, champion=None))
    assert part(document, "Groups")[0].rows == (
        ("true positive rate", "all rows", "sex=female", "5,400", "0.4100"),
        ("true positive rate", "all rows", "sex=male", "3,600", "none"),
    )
    assert part(document, "Not compared")[0].rows == (("f1.vs_champion", "no champion yet"),)
    assert document.blocks[0].text.endswith("1 check had no champion to compare with.")


def test_evidence_names_commit_data_and_model(make_decision: MakeDecision) -> None:
    blocks = part(decision_document(make_decision("pass", PASSED)), "What this rests on")
    facts = next(block for block in blocks if isinstance(block, Facts))
    shown = {label: getattr(value, "text", value) for label, value in facts.facts}
    assert shown["Commit"] == "4e96abdd1c3f3b3a on main"
    assert shown["Evaluation data"] == "data/holdout.parquet, 9,000 rows, 27 columns"
    assert shown["Model digest"] == "12" * 32
    assert shown["Champion"] == "version 3, release 20261114-101112-aabbccdd"
    assert {block.title for block in blocks if isinstance(block, Folded)} >= {"Parameters", "Packages"}


def test_data_that_did_not_validate(make_decision: MakeDecision) -> None:
    broken = {
        "verdict": "fail",
        "checks": [
            {
                "name": "overlap",
                "verdict": "fail",
                "message": "12 rows are in both tables",
                "detail": {"rows": 12},
            },
            {"name": "schema", "verdict": "pass", "message": "27 columns", "detail": {}},
        ],
    }
    decision = make_decision("fail", validation=broken, training=None, champion=None)
    banner = decision_document(decision).blocks[0]
    assert banner.text == "The data did not validate (overlap), so no model was judged."
    told = explain(decision)
    assert "12 rows are in both tables" in words(part(told, "Why"))
    assert "Correct the data" in words(part(told, "What to do next"))
    assert "No model was trained" in words(part(told, "What was weighed"))
    page = validation_document(broken)
    assert page.blocks[0] == Banner(
        Verdict.FAIL, "The data did not validate", "Of 2 checks: 1 failed, 1 passed."
    )
    assert "overlap: 12 rows are in both tables" in words(part(page, "What did not pass"))
    assert page.blocks[-1] == Folded("Detail of overlap", Facts((("rows", "12"),)))


def test_data_that_validated() -> None:
    page = validation_document(
        {"verdict": "pass", "checks": [{"name": "a", "verdict": "pass", "message": "fine"}]}
    )
    assert page.blocks[0] == Banner(
        Verdict.PASS, "The data are fit to train and judge on", "The one check passed."
    )


def test_what_is_known_of_the_evaluation_to_come_changes_no_verdict() -> None:
    fine = {"verdict": "pass", "checks": [{"name": "a", "verdict": "pass", "message": "fine"}]}
    page = validation_document(fine, ["judge_tone will be inconclusive: no labels", "KEY is not set"])
    assert page.blocks[0] == validation_document(fine).blocks[0]
    told = words(part(page, "What evaluation will lack"))
    assert told == "judge_tone will be inconclusive: no labels\nKEY is not set"


def test_an_explanation_tells_what_which_data_why_and_next(make_decision: MakeDecision) -> None:
    told = explain(make_decision("fail", PASSED, BIASED, OPEN, UNMEASURED))
    assert told.blocks[0].title == "lending failed the gate. It was not registered and does not serve."
    assert "commit 4e96abdd1c3f3b3a on main" in words(part(told, "What was weighed"))
    data = words(part(told, "On which data"))
    assert "data/holdout.parquet (9,000 rows, SHA-256 c0ffeec0ffee)" in data
    assert "the champion (version 3" in words(part(told, "Against what"))
    why = words(part(told, "Why"))
    assert all(item["reason"] in why for item in (PASSED, BIASED, OPEN, UNMEASURED))
    assert "passes in at most 5 %" in why
    steps = words(part(told, "What to do next"))
    assert "equalized_odds_difference(sex): The model must get better here, or the bound (≤ 0.1)" in steps
    assert "recall[education=other].vs_champion: About 1,600 rows would settle it" in steps
    assert "latency_p99_ms: Remove the cause (too few requests)" in steps


def test_what_to_do_after_a_pass_and_without_champion(make_decision: MakeDecision) -> None:
    assert "weighbridge rollback" in words(part(explain(make_decision("pass", PASSED)), "What to do next"))
    left = [["f1.vs_champion", "no champion yet"]]
    told = explain(make_decision("inconclusive", not_compared=left, champion=None))
    assert "No model serves yet" in words(part(told, "Against what"))
    assert "Add a bound" in words(part(told, "What to do next"))


def test_an_identical_release_is_told_that_nothing_is_wrong(make_decision: MakeDecision) -> None:
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0, "problem": "identical answers on all 9,000 rows"}
    same = {**OPEN, "estimate": {**OPEN["estimate"], **nothing}, "detail": {"differing_rows": 0}}
    steps = words(part(explain(make_decision("inconclusive", same)), "What to do next"))
    assert "The champion answers just like this challenger here: nothing is wrong" in steps
