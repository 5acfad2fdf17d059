"""The measured part of docs/performance.md, from the committed results."""

from collections.abc import Mapping

from benchmarks._marks import filled
from benchmarks._printed import Printed, read
from benchmarks.serving.results import Results
from benchmarks.serving.servers import ROOT
from benchmarks.serving.tables import as_markdown, grids

PAGE = ROOT / "docs" / "performance.md"


def write(results: Results) -> None:
    """Put the results into the page, and what other benchmarks printed."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results, read()), encoding="utf-8")


def page(text: str, results: Results, printed: Mapping[str, Printed]) -> str:
    """The page with its measured part written anew; the rest stays."""
    parts = [_when(results)]
    for grid in sorted(grids(results), key=lambda grid: grid.title != "Goals"):
        parts += [f"### {grid.title}", as_markdown(grid)]
    if printed:
        parts += ["### What the parts cost", "As the commands print it."]
        parts += [_as_printed(name, what) for name, what in printed.items()]
    return filled(text, "\n\n".join(parts))


def _as_printed(name: str, what: Printed) -> str:
    where = (
        f"{what['date']}, Python {what['python']}, {what['cores']} cores, load average before it "
        f"{what['load_average']}"
    )
    return "\n".join([f"`python -m benchmarks {name}` ({where}):", "", "```", *what["lines"], "```"])


def _when(results: Results) -> str:
    return "\n".join(f"- {part}: {_run(run)}" for part, run in results.runs.items())


def _run(run: object) -> str:
    assert isinstance(run, dict)
    return (
        f"{run['date']}, Weighbridge {run['weighbridge']}, Python {run['python']}, {run['cores']} cores "
        f"({run['machine']}), {run['how']}; load average before it {run['load_average']}."
    )
