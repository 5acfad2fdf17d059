"""What kills cost as a table, and the part of docs/serving.md that shows it."""

from collections.abc import Sequence

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


def as_table(turns: Sequence[Turn]) -> str:
    """A line for each durability and victim, one for each durability, and what readers found."""
    lines = []
    for durability in Durability:
        own = [turn for turn in turns if turn.durability is durability]
        for victim in Victim:
            lines += _line(durability, victim, [turn for turn in own if turn.victim is victim])
        lines += _line(durability, "all", own)
    read = sum(not turn.unreadable for turn in turns)
    said = (
        f"Polars and DuckDB read the same rows after {read} of {len(turns)} kills. `batch` may miss what was "
        f"acknowledged less than {BOUND_S:g} s before a kill, `journal` nothing."
    )
    return f"{as_markdown(Grid('', _HEAD, tuple(lines), words=2))}\n\n{said}"


def page(text: str, printed: Printed) -> str:
    """The page with its measured part written anew; the rest stays."""
    where = (
        f"`python -m benchmarks.crash` ({printed['date']}, Python {printed['python']}, {printed['cores']} cores, "
        f"load average before it {printed['load_average']}):"
    )
    return filled(text, "\n".join([where, "", *printed["lines"]]))


def _line(durability: Durability, what: str, turns: Sequence[Turn]) -> list[tuple[str, ...]]:
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
    return [(durability.value, str(what), *(f"{figure:,}" for figure in figures), oldest)]
