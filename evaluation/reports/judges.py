"""What a report tells of the judges: whether they could be believed, trial by trial."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.reports.blocks import Block, Heading, Item, Items, Table
from evaluation.types import Verdict


def judges_blocks(judges: Sequence[Mapping[str, Any]]) -> list[Block]:
    """One line a judge and its trials as a table; nothing where the policy asks no judge.

    judges: as `Standing.as_json` gives them.
    """
    if not judges:
        return []
    blocks: list[Block] = [Heading("Judges"), Items(tuple(map(_line, judges)))]
    if rows := tuple((judge["judge"], *_trial(trial)) for judge in judges for trial in judge["trials"]):
        head = ("Judge", "Trial", "Found", "Limits", "Of", "Asked for", "Verdict")
        blocks.append(Table(head, rows, numbers=frozenset({2, 3, 4})))
    return blocks


def _line(judge: Mapping[str, Any]) -> Item:
    failed = sum(judge["failures"].values())
    told = judge["problem"] or "believed: every trial passed"
    asked = f"{judge['model']}, digest {judge['digest'][:12]}, {judge['asked']:,} questions in its trials"
    if failed:
        asked += f", {failed:,} without a score"
    verdict = Verdict.PASS if judge["problem"] is None else Verdict.INCONCLUSIVE
    return Item(judge["judge"], f"{told} ({asked}). Rubric: {judge['rubric']}", verdict)


def _trial(trial: Mapping[str, Any]) -> tuple[str, ...]:
    bounds = [
        f"{sign} {trial[name]:g}"
        for name, sign in (("at_least", "≥"), ("at_most", "≤"))
        if trial[name] is not None
    ]
    return (
        trial["name"],
        _number(trial["value"]),
        f"{_number(trial['low'])} to {_number(trial['high'])}" if trial["low"] is not None else "",
        f"{trial['n']:,} {trial['unit']}s",
        ", ".join(bounds) or "only told",
        trial["verdict"],
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
