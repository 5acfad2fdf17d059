"""What helps people and decides nothing: weakest slices, proxies of sensitive columns, what mitigation would cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.reports.blocks import Block, Heading, Item, Items, Paragraph, Stack, Table
from evaluation.reports.evidence import p_text
from evaluation.reports.numbers import count, number


def advice_blocks(advice: Mapping[str, Any]) -> list[Block]:
    """The advisory parts of a report, from a record's `advice`; nothing where it holds nothing."""
    blocks: list[Block] = []
    if mitigation := advice.get("mitigation"):
        blocks += [
            Heading("What would mend the bias"),
            Items(tuple(_mitigation(item) for item in mitigation)),
        ]
    if proxies := advice.get("proxies"):
        blocks += [Heading("Proxies of sensitive columns"), _proxies(proxies)]
    for item in advice.get("worst_answers") or ():
        blocks += [Heading(f"Worst answers by {item['metric']}"), _worst(item["answers"])]
    weakest = advice.get("weakest_slices") or {}
    if weakest.get("slices"):
        blocks += [Heading("Weakest slices"), _weakest(weakest["slices"]), Paragraph(_searched(weakest))]
    return blocks


def _mitigation(found: Mapping[str, Any]) -> Item:
    title = f"{found['check']}: {found['method']}"
    if found.get("problem") or found.get("after") is None:
        return Item(title, f"{found.get('problem') or ''} {found.get('note') or ''}".strip())
    return Item(
        title,
        f"With {found['constraint']} it goes from {number(found['before'])} to {number(found['after'])}, and "
        f"{found['metric']} goes from {number(found['metric_before'])} to {number(found['metric_after'])}, on "
        f"{count(found['n'], 'row')} that it was not fitted on. {found['note']}",
    )


def _proxies(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple((item["feature"], item["group"], number(item["strength"]), item["note"]) for item in found)
    return Table(("Feature", "tells", "Cramér's V", ""), rows, numbers=frozenset({2}))


def _weakest(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            ", ".join(f"{column}={value}" for column, value in item["rows"].items()),
            f"{item['n']:,}",
            number(item["loss"]),
            number(item["outside"]),
            number(item["effect"], signed=True),
            p_text(item["p_adjusted"]),
        )
        for item in found
    )
    columns = ("Slice", "Rows", "Loss", "Elsewhere", "Difference", "p after Holm")
    return Table(columns, rows, numbers=frozenset(range(1, 6)))


def _worst(found: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (number(item["score"]), Stack(item["answer"], item["prompt"]), item["reference"]) for item in found
    )
    return Table(("Score", "Answer, and what was asked", "Reference"), rows, numbers=frozenset({0}))


def _searched(weakest: Mapping[str, Any]) -> str:
    return (
        f"The worst of {count(weakest['searched'], 'slice')} that were searched, by {weakest['loss']}. They decide "
        "nothing; a slice that matters gets a line of its own in the policy. A small p-value is evidence that the "
        "slice is worse than the other rows, and not just the worst of so many by chance."
    )
