"""The drift report of a pass as a page and in the workspace of Evidently's own UI; Evidently's only importer."""

import html as text
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evaluation.files import write_whole
from evaluation.types import FloatArray, Form, Task, Verdict
from monitoring.checks.base import WatchContext
from monitoring.columns import as_classes, as_numbers, filled, is_number
from monitoring.record import WatchPass
from monitoring.windows import INPUT_PREFIX

if TYPE_CHECKING:
    import pandas as pd

HTML_NAME, WORKSPACE_NAME = "report.html", "workspace"
# Of either side. Evidently's pages and snapshots hold histograms, but it computes them from every row.
MAX_ROWS = 5000
# Evidently tests and draws every category: a column of 10,000 ids took 12 s more than one of 50.
MAX_CATEGORIES = 50
OTHER = "(other)"
_EXPECTED_WARNINGS = (
    ("numpy.core is deprecated", DeprecationWarning),  # evidently 0.7.23, when it is imported
    (
        "(Call to|Use of) deprecated (function|class) 'Dependency",
        DeprecationWarning,
    ),  # its UI's use of Litestar
    ("invalid value encountered in divide", RuntimeWarning),  # the histogram of a constant column
    ("divide by zero encountered in divide", RuntimeWarning),  # the chi-square of a new category
)


def write_report(context: WatchContext, seen: WatchPass, *, folder: Path, workspace: Path) -> tuple[str, ...]:
    """Write report.html into a folder and add the run to the workspace, in the project named like the model.

    The page shows Evidently's statistics with Evidently's own tests and thresholds; they are no verdict of
    ours, which stands above them. At most 5,000 rows of either side are used: the newest of the window, a
    seeded sample of the reference. Returns the columns that Evidently can't show: empty on one side, or of
    no type that it knows.

    Raises what Evidently raises, OSError, and EnvironmentProblem where the page can't be written.
    """
    with _evidently():
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
        from evidently.ui.workspace import Workspace

        reference, current, left_out = _frames(context)
        numbers = [name for name in current.columns if current[name].dtype.kind == "f"]
        definition = DataDefinition(
            numerical_columns=numbers,
            categorical_columns=[name for name in current.columns if name not in numbers],
        )
        run = Report([DataDriftPreset()]).run(
            Dataset.from_pandas(current, data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
            timestamp=context.now,
            name=f"version {context.version}",
            metadata={"version": context.version, "verdict": seen.verdict.value},
        )
        page = run.get_html_str(as_iframe=False)
        write_whole(folder / HTML_NAME, _with_verdict(page, seen, left_out).encode())
        _add_run(Workspace.create(str(workspace)), context.model, run, keep=context.config.keep_reports)
    _prune(folder.parent, keep=context.config.keep_reports)
    return left_out


@contextmanager
def _evidently() -> Iterator[None]:
    """No telemetry, and none of the warnings that are known to come from Evidently's own code."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        for message, category in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message, category)
        yield


def _frames(context: WatchContext) -> "tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]":
    """Reference, window, and the names of the columns that are left out of both."""
    import pandas as pd

    current = context.current.tail(MAX_ROWS)
    reference = context.reference.sample(min(MAX_ROWS, context.reference.height), seed=0)
    outputs = ["prediction", "score"] if context.task.form is Form.CLASS else ["prediction"]
    names = [name for name in reference.columns if name.startswith(INPUT_PREFIX)] + outputs
    shown: dict[str, tuple[pl.Series, pl.Series]] = {}
    for name in names:
        if (
            name in current.columns
            and (pair := _pair(reference[name], current[name], context.task)) is not None
        ):
            shown[name] = pair
    old, new = ({name: pair[side].to_pandas() for name, pair in shown.items()} for side in (0, 1))
    return pd.DataFrame(old), pd.DataFrame(new), tuple(name for name in names if name not in shown)


def _pair(reference: pl.Series, current: pl.Series, task: Task) -> tuple[pl.Series, pl.Series] | None:
    """Both columns as Evidently takes them, float64 or text; None where it takes neither."""
    both = (reference, current)
    if any(series.dtype.is_temporal() or series.dtype.is_nested() for series in both):
        return None
    if all(map(is_number, both)) and (reference.name != "prediction" or task.form is Form.NUMBER):
        old, new = (pl.Series(_finite(as_numbers(series))) for series in both)
    else:
        old, new = _frequent(as_classes(reference), as_classes(current))
    return (old, new) if filled(old) and filled(new) else None


def _finite(numbers: FloatArray) -> FloatArray:
    """Infinity as missing: Evidently fails on it."""
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _frequent(reference: pl.Series, current: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Both with only the most frequent categories; the others are one."""
    counts = pl.concat([reference, current]).drop_nulls().value_counts(sort=True, name="rows")
    if counts.height <= MAX_CATEGORIES:
        return reference, current
    kept = {name: name for name in counts[:, 0].head(MAX_CATEGORIES - 1)}
    old, new = (
        series.replace_strict({**kept, None: None}, default=OTHER, return_dtype=pl.String)
        for series in (reference, current)
    )
    return old, new


def _with_verdict(page: str, seen: WatchPass, left_out: tuple[str, ...]) -> str:
    """Evidently's page with our verdict above it, so that nobody takes the one for the other."""
    failed = [finding.message for finding in seen.findings if finding.verdict is Verdict.FAIL]
    lines = [
        f"Weighbridge: {seen.model} version {seen.version}, {seen.window}. Verdict: {seen.verdict}.",
        *failed,
    ]
    lines.append(
        "Below are Evidently's statistics with Evidently's own tests and thresholds. They stand beside this verdict "
        "and have no part in it; findings.json in the same folder holds every finding with its interval and bound."
    )
    if left_out:
        lines.append(f"Not shown, without values or of no comparable type: {', '.join(left_out)}.")
    notes = "".join(f"<p style='margin:4px 0'>{text.escape(line)}</p>" for line in lines)
    box = f"<section style='font:14px sans-serif;padding:12px 24px;background:#f4f4f4;color:#222'>{notes}</section>"
    head, body, rest = page.partition("<body>")
    return head + body + box + rest if body else box + page


def _add_run(workspace: Any, model: str, run: Any, *, keep: int) -> None:
    """Add a run to the model's project, made once; the oldest runs beyond `keep` go."""
    found = [project for project in workspace.list_projects() if project.name == model]
    project = found[0] if found else workspace.create_project(model)
    workspace.add_run(project.id, run)
    # Run ids are UUIDs of version 7: they sort by time.
    for old in sorted(workspace.list_runs(project.id), key=str)[:-keep]:
        workspace.delete_run(project.id, old)


def _prune(passes: Path, *, keep: int) -> None:
    """Remove the oldest pages; the findings beside them stay, they are small."""
    for page in sorted(passes.glob(f"*/{HTML_NAME}"))[:-keep]:
        page.unlink(missing_ok=True)
