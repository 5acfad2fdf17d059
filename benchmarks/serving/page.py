"""The measured part of docs/performance.md, from the committed results."""

from benchmarks._marks import filled
from benchmarks.serving.results import Results
from benchmarks.serving.servers import ROOT
from benchmarks.serving.tables import as_markdown, grids

PAGE = ROOT / "docs" / "performance.md"


def write(results: Results) -> None:
    """Put the results into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def page(text: str, results: Results) -> str:
    """The page with its measured part written anew; the rest stays."""
    parts = [_when(results)]
    for grid in sorted(grids(results), key=lambda grid: grid.title != "Goals"):
        parts += [f"### {grid.title}", as_markdown(grid)]
    return filled(text, "\n\n".join(parts))


def _when(results: Results) -> str:
    return "\n".join(f"- {part}: {_run(run)}" for part, run in results.runs.items())


def _run(run: object) -> str:
    assert isinstance(run, dict)
    return (
        f"{run['date']}, Weighbridge {run['weighbridge']}, Python {run['python']}, {run['cores']} cores "
        f"({run['machine']}), {run['how']}; load average before it {run['load_average']}."
    )
