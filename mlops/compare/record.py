"""What a comparison leaves behind: a folder with its record, its page and its picture."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evaluation.choice.best import Place
from evaluation.choice.compare import Comparison
from evaluation.files import write_whole
from evaluation.section import Section
from evaluation.types import Direction, Estimate, Task
from mlops.compare.candidates import Candidate

FILE_NAME, PAGE, TEXT, PICTURE = "comparison.json", "report.html", "report.md", "picture.svg"
FOLDER = "comparisons"


class Deciding(Section):
    """The metric that decides, and how sure: `level` is the error of either limit of one difference."""

    metric: str
    direction: Direction
    error: float
    level: float


class Asked(Section):
    """The cases: where from, how many, how often each was asked, and what was sampled independently."""

    path: str
    sha256: str
    cases: int
    repeats: int
    unit: str


class Found(Section):
    """What was found about one candidate; `yaml` is what to put into weighbridge.yaml for it."""

    name: str
    patch: dict[str, Any]
    yaml: str
    place: Place
    estimate: Estimate
    against: str | None
    difference: Estimate | None
    needed: int | None
    shown: dict[str, Estimate]
    on_front: bool


class Record(Section):
    """The content of comparison.json; candidates come best first."""

    schema_version: Literal[1] = 1
    kind: Literal["comparison"] = "comparison"
    id: str
    created_at: str
    model: str
    task: Task
    commit: str | None
    dirty: bool
    source: str
    seed: int
    by: Deciding
    cases: Asked
    best: str | None
    open: tuple[str, ...]
    needed: int | None
    axes: tuple[str, ...]
    show: tuple[str, ...]
    candidates: tuple[Found, ...]
    judges: tuple[dict[str, Any], ...] = ()
    software: dict[str, str]


@dataclass(frozen=True)
class Written:
    """A record and where it lies."""

    folder: Path
    content: Mapping[str, Any]


def findings(comparison: Comparison, candidates: list[Candidate]) -> tuple[Found, ...]:
    """Every candidate with what was found about it, best first."""
    named = {candidate.name: candidate for candidate in candidates}
    return tuple(
        Found(
            name=found.name,
            patch=dict(named[found.name].patch),
            yaml=named[found.name].yaml,
            place=found.place,
            estimate=found.estimate,
            against=found.against,
            difference=found.difference,
            needed=found.needed,
            shown=dict(comparison.shown[found.name]),
            on_front=found.name in comparison.front,
        )
        for found in comparison.choice.standings
    )


def write(record: Record, home: Path) -> Written:
    """Keep a comparison below a project's home, and say where; numbers that are not finite are refused."""
    from evaluation.reports.comparison import comparison_document
    from evaluation.reports.comparison_picture import picture
    from evaluation.reports.html import to_html
    from evaluation.reports.markdown import to_markdown
    from evaluation.reports.scatter import alone

    content = record.model_dump(mode="json")
    folder, document = home / FOLDER / record.id, comparison_document(content)
    write_whole(folder / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())
    write_whole(folder / PAGE, to_html(document).encode())
    write_whole(folder / TEXT, to_markdown(document).encode())
    if (drawn := picture(content)) is not None:
        write_whole(folder / PICTURE, alone(drawn).encode())
    return Written(folder, content)
