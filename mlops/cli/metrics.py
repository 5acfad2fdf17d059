"""`weighbridge metrics`: what a policy can name."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.types import Task
from mlops.cli.context import console

if TYPE_CHECKING:
    from rich.table import Table

    from evaluation.metrics.base import Metric


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(metrics)


def metrics(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only metrics with all of these in their line.")
    ] = None,
    task: Annotated[Task | None, typer.Option(help="Only metrics of this task.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List the metrics that a policy can name: which way each gets better, its range, and what it measures."""
    from evaluation.metrics.builtin import all_metrics

    found = [metric for metric in all_metrics() if task is None or task in metric.tasks]
    found = [metric for metric in found if all(word.lower() in _text(metric) for word in words or ())]
    if as_json:
        typer.echo(json.dumps([_to_json(metric) for metric in found], allow_nan=False))
        return 0
    screen = console()
    for tasks in dict.fromkeys(_tasks(metric) for metric in sorted(found, key=_place)):
        screen.print(_table(tasks, [metric for metric in found if _tasks(metric) == tasks]))
        screen.print()
    screen.print(f"{len(found)} of {len(all_metrics())} metrics", highlight=False)
    return 0


def _table(tasks: tuple[Task, ...], found: Sequence["Metric"]) -> "Table":
    """The metrics of the same tasks."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        *("metric", "better", "range", "what it measures"),
        title=", ".join(tasks),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.columns[0].no_wrap = True
    for metric in found:
        needs = f" [{', '.join(sorted(metric.needs))}]" if metric.needs else ""
        table.add_row(
            metric.name,
            _better(metric),
            _range(metric),
            Text.assemble(_plain(metric.summary), (needs, "dim")),
        )
    return table


def _tasks(metric: "Metric") -> tuple[Task, ...]:
    return tuple(task for task in Task if task in metric.tasks)


def _place(metric: "Metric") -> tuple[int, int]:
    """The order of the tables: that of the tasks, and of one first task the more general one first."""
    tasks = _tasks(metric)
    return list(Task).index(tasks[0]), -len(tasks)


def _better(metric: "Metric") -> str:
    return metric.direction.value if metric.ranked else "neither"


def _range(metric: "Metric") -> str:
    low, high = metric.range
    unit = f" {metric.unit}" if metric.unit else ""
    return f"from {low:g}{unit}" if high == float("inf") else f"{low:g} to {high:g}{unit}"


def _plain(summary: str) -> str:
    """A summary without the marks of code."""
    return summary.replace("`", "")


def _text(metric: "Metric") -> str:
    return " ".join([metric.name, metric.summary, metric.unit, *metric.tasks, *metric.needs]).lower()


def _to_json(metric: "Metric") -> dict[str, Any]:
    """A range without an end on one side has null there."""
    return {
        "name": metric.name,
        "better": _better(metric),
        "range": [None if abs(end) == float("inf") else end for end in metric.range],
        "unit": metric.unit,
        "tasks": list(_tasks(metric)),
        "needs": sorted(metric.needs),
        "summary": metric.summary,
    }
