"""The measured part of docs/gate.md, and its picture, from the committed results."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks._marks import filled
from benchmarks.gate_errors.picture import drawn
from benchmarks.gate_errors.rates import Row
from benchmarks.gate_errors.results import Results
from benchmarks.gate_errors.run import DESIGNS
from benchmarks.gate_errors.tables import claim, figure
from benchmarks.gate_errors.tally import OURS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gate.md"
PICTURE = ROOT / "docs" / "pictures" / "gate-errors.svg"


def write(results: Results) -> None:
    """Put the results into the page, and draw the picture."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    PICTURE.write_text(drawn(results), encoding="utf-8")


def page(text: str, results: Results) -> str:
    """The page with its measured part written anew; the rest stays."""
    return filled(text, measured(results))


def measured(results: Results) -> str:
    """Everything between the marks."""
    parts = [_when(results), "### Stated and measured", _stated(results), *_missed(results)]
    parts += ["### Beside other rules", _beside(results), "### Every cell", _LEGEND]
    parts += [_design(results, design) for design in DESIGNS]
    return "\n\n".join(parts)


_LEGEND = (
    "Per cent of the runs, with the Monte Carlo standard error in brackets. Where something is claimed, the upper 95 % "
    "limit (Clopper-Pearson, one-sided) follows, and whether the claim holds. R: simulated decisions. CPU: seconds for "
    "the cell, all rules that run in one process with Weighbridge together."
)


def _when(results: Results) -> str:
    runs: dict[str, list[str]] = {}
    for design, run in results.runs.items():
        told = (
            f"on {run['date']} with Weighbridge {run['weighbridge']}, Python {run['python']}, "
            f"NumPy {run['numpy']}, SciPy {run['scipy']}"
        )
        runs.setdefault(told, []).append(design)
    seconds = sum({(row.design, row.cell, row.cpu_s): row.cpu_s for row in results.rows}.values())
    said = "; ".join(
        told if len(runs) == 1 else f"{', '.join(designs)} {told}" for told, designs in runs.items()
    )
    return f"Measured {said}. {len(results.rows):,} figures, {seconds / 60:.0f} minutes of CPU."


def _stated(results: Results) -> str:
    """One line for every claim of a design: how it comes out in the cell where it comes out worst."""
    lines = [
        "| | what | claimed | worst cell | measured | upper limit | holds in |",
        "|---|---|---|---|---|---|---|",
    ]
    for (design, event), rows in _by_claim(results).items():
        worst = max(rows, key=_excess)
        held = sum(bool(row.holds) for row in rows)
        cells = f"{held} of {len(rows)}" if held < len(rows) else f"all {len(rows)}"
        upper = "" if worst.upper is None else figure(worst, worst.upper)
        claimed = (
            " / ".join(dict.fromkeys(map(claim, rows))) if len({r.most for r in rows}) < 3 else "by cell"
        )
        lines.append(
            f"| {design} | {event} | {claimed} | {_cell(worst)} | {figure(worst, worst.value)} | {upper} | {cells} |"
        )
    return "\n".join(lines)


def _by_claim(results: Results) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in results.rows:
        if row.holds is not None and row.rule == OURS:
            found.setdefault((row.design, _what(row)), []).append(row)
    return found


def _what(row: Row) -> str:
    """An event in the words of a reader who has not seen the cells."""
    if row.event == "pass":
        return "passed twice the tolerance worse" if row.cell.endswith("-2t") else "passed on the bound"
    if row.event == "fail":
        on_bound = row.cell.endswith("-t") or row.cell.endswith("apart") or row.design == "G2"
        return "failed on the bound" if on_bound else "failed within the bound"
    return row.event


def _excess(row: Row) -> float:
    """How far a row is from its claim, the worst one highest."""
    most = row.most or 0.0
    beyond = row.value - most
    return max(beyond, row.least - row.value) if row.least is not None else beyond


def _missed(results: Results) -> Iterable[str]:
    """The error rates that are not kept, if there are any."""
    missed = [row for row in results.rows if row.control and not row.holds]
    if not missed:
        return ["Every stated error rate holds in every cell."]
    lines = [
        f"- {row.design}, {_cell(row)}: {_what(row)} in {figure(row, row.value)} of {row.runs:,} runs, up to "
        f"{figure(row, row.upper or row.value)}; {claim(row)} is claimed."
        for row in missed
    ]
    return [_NOT_SHOWN, "\n".join(lines)]


_NOT_SHOWN = (
    "Error rates of which it is not shown that they hold. Either the method errs more often than stated there, or the "
    "runs are too few to rule it out; the upper limit is one standard error and two thirds above what was measured:"
)


def _cell(row: Row) -> str:
    return row.cell.replace("|", "\\|")


_SIZES = (200, 500, 2000, 10_000)


def _beside(results: Results) -> str:
    """Accuracy with 8 % of the rows differing: every rule, by number of rows."""
    lines = ["| rule | " + " | ".join(f"{n:,} rows" for n in _SIZES) + " |", "|---|" + "---|" * len(_SIZES)]
    for shown, event, what in (
        ("-t", "pass", "worse by exactly the tolerance, let through"),
        ("-2t", "pass", "worse by twice the tolerance, let through"),
        ("0", "fail", "equally good, stopped"),
        ("0", "pass", "equally good, let through"),
    ):
        lines.append(f"| **{what}** |" + " |" * len(_SIZES))
        rows = {
            (row.rule, row.cell): row
            for row in results.of("G1")
            if row.event == event and row.cell.startswith("psi 8%") and row.cell.endswith(f"d = {shown}")
        }
        for rule in dict.fromkeys(rule for rule, _ in rows):
            found = [rows.get((rule, f"psi 8%, n {n}, d = {shown}")) for n in _SIZES]
            values = ["" if row is None else f"{100 * row.value:.1f} % ({100 * row.se:.1f})" for row in found]
            lines.append(f"| {rule} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _design(results: Results, design: str) -> str:
    """All cells of a design, a line for every cell and rule, a column for every event."""
    rows = results.of(design)
    events = list(dict.fromkeys(row.event for row in rows))
    lines = [
        "| cell | rule | " + " | ".join(events) + " | R | CPU s |",
        "|---|---|" + "---|" * (len(events) + 2),
    ]
    by_line: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_line.setdefault((_cell(row), row.rule), []).append(row)
    ordered = sorted(by_line, key=lambda line: _order(rows, line[0]))
    for cell, rule in ordered:
        found = {row.event: row for row in by_line[cell, rule]}
        values = [_figure(found[event]) if event in found else "" for event in events]
        one = next(iter(found.values()))
        seconds = "" if rule != OURS and one.cpu_s == _ours(by_line, cell) else f"{one.cpu_s:.1f}"
        lines.append(f"| {cell} | {rule} | " + " | ".join(values) + f" | {one.runs:,} | {seconds} |")
    summary = f"{design}: {DESIGNS[design].title}"
    return f"<details><summary>{summary}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _order(rows: Sequence[Row], cell: str) -> int:
    return next(index for index, row in enumerate(rows) if _cell(row) == cell)


def _ours(by_line: dict[tuple[str, str], list[Row]], cell: str) -> float:
    return by_line[cell, OURS][0].cpu_s


def _figure(row: Row) -> str:
    shown = f"{figure(row, row.value).removesuffix(' %')} ({figure(row, row.se).removesuffix(' %')})"
    if row.holds is None:
        return shown
    upper = "" if row.upper is None or row.least is not None else f" ≤ {100 * row.upper:.2f}"
    return f"{shown}{upper} {'yes' if row.holds else '**no**'}{f' ({row.note})' if row.note else ''}"
