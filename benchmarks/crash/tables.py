"""What kills cost as a table, and the part of docs/serving.md that shows it."""

from collections.abc import Mapping, Sequence

from benchmarks._marks import filled
from benchmarks._printed import Printed
from benchmarks.crash.judge import BOUND_S, Turn, Victim
from benchmarks.serving.servers import ROOT
from benchmarks.serving.tables import Grid, as_markdown
from mlops.serving.log.config import Durability

PAGE = ROOT / "docs" / "serving.md"
_HEAD = (
    "durability",
    "killed",
    "kills",
    "acknowledged",
    "missing",
    "there twice",
    "age of the oldest missing, s",
)
_ALLOWED = {
    Durability.BATCH: f"Allowed to be missing: what was acknowledged less than {BOUND_S:g} s before the kill.",
    Durability.JOURNAL: "Allowed to be missing: nothing.",
}


def as_table(turns: Sequence[Turn]) -> str:
    """The turns of one durability: a line for each victim, one for all, and what readers found."""
    lines = []
    for victim in Victim:
        lines += _line(victim, [turn for turn in turns if turn.victim is victim])
    lines += _line("all", turns)
    read = sum(not turn.unreadable for turn in turns)
    said = f"Polars and DuckDB read the same rows after {read} of {len(turns)} kills. {_ALLOWED[turns[0].durability]}"
    return f"{as_markdown(Grid('', _HEAD, tuple(lines), words=2))}\n\n{said}"


def page(text: str, printed: Mapping[str, Printed]) -> str:
    """The page with its measured part written anew; the rest stays."""
    return filled(text, "\n\n".join(_as_printed(name, what) for name, what in printed.items()))


def _as_printed(name: str, what: Printed) -> str:
    where = (
        f"`python -m benchmarks.crash --only {name}` ({what['date']}, Python {what['python']}, {what['cores']} cores, "
        f"load average before it {what['load_average']}):"
    )
    return "\n".join([where, "", *what["lines"]])


def _line(what: str, turns: Sequence[Turn]) -> list[tuple[str, ...]]:
    if not turns:
        return []
    costs = [turn.cost for turn in turns]
    ages = [each.worst_age_s for each in costs if each.worst_age_s is not None]
    figures = (
        len(turns),
        sum(each.acknowledged for each in costs),
        sum(each.missing for each in costs),
        sum(turn.twice for turn in turns),
    )
    oldest = f"{max(ages):.2f}" if ages else ""
    return [(turns[0].durability.value, str(what), *(f"{figure:,}" for figure in figures), oldest)]
