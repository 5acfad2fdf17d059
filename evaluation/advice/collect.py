"""All advice on one release: what is looked for before the decision, and what would mend what it found."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.advice.examples import worst_answers
from evaluation.advice.mitigation import mitigation
from evaluation.advice.proxies import proxies
from evaluation.advice.weakest import weakest_slices
from evaluation.config import CheckConfig, GateConfig, Part, column_of
from evaluation.metrics.base import Metric, Need
from evaluation.metrics.builtin import METRICS
from evaluation.samples import Model, models, with_groups
from evaluation.types import CheckResult, Form, GateOutcome, Outputs, Task, Verdict

_WHOLE = frozenset({"accuracy", "balanced_accuracy", "f1"})


def weaknesses(  # noqa: PLR0913 - keyword-only
    *,
    task: Task,
    frame: pl.DataFrame,
    target: str,
    features: Sequence[str],
    outputs: Outputs,
    gate: GateConfig,
) -> dict[str, Any]:
    """The weakest slices, or the worst texts, and the features that tell a sensitive column, as plain JSON values.

    frame: the holdout with all of its columns; target: its target's name.
    """
    groups = list(dict.fromkeys(part for check in gate.checks if _of_rows(check) for part in check.groups))
    found: dict[str, Any] = {"proxies": proxies(frame, features, groups) if groups else []}
    if task.form is Form.TEXT:
        found["worst_answers"] = worst_answers(outputs, frame[target].to_numpy(), gate)
    elif gate.weakest_slices:
        [model] = models(task, frame[target].to_numpy(), [outputs])
        found["weakest_slices"] = weakest_slices(
            task=task,
            model=model,
            frame=frame,
            leave_out=[target],
            min_rows=gate.min_rows,
            most=gate.weakest_slices,
            seed=gate.seed,
        )
    return found


def remedies(  # noqa: PLR0913 - keyword-only
    outcome: GateOutcome,
    *,
    task: Task,
    frame: pl.DataFrame,
    target: NDArray[Any],
    outputs: Outputs,
    gate: GateConfig,
) -> list[dict[str, Any]]:
    """What would mend each failed bias check on all rows, and what that would cost, as plain JSON values.

    frame: (n, columns of groups); the cost is counted in the first of accuracy, balanced accuracy and f1
    that the policy names, else in balanced accuracy.
    """
    failed = [(check, parts) for check in outcome.checks if (parts := _failed_between(check, gate))]
    if not failed:
        return []
    [model] = models(task, target, [outputs])
    return [
        mitigation(
            check=check.id,
            task=task,
            metric=METRICS[check.metric],
            model=Model(with_groups(model.sample, frame, parts), np.asarray(model.unanswered)),
            main=_main(gate),
            seed=gate.seed,
        )
        for check, parts in failed
    ]


def _failed_between(check: CheckResult, gate: GateConfig) -> tuple[Part, ...]:
    """The groups between which a check failed; empty for every other check."""
    if check.verdict is not Verdict.FAIL or check.rows or not check.groups:
        return ()
    lines = (line for line in gate.checks if _of_rows(line) and _is_about(line, check))
    return next((line.groups for line in lines), ())


def _of_rows(line: CheckConfig) -> bool:
    """Whether its groups are columns of the holdout; those of counterfactual variants are lists of words."""
    return line.metric not in METRICS or Need.VARIANTS not in METRICS[line.metric].needs


def _is_about(line: CheckConfig, check: CheckResult) -> bool:
    return (line.metric, tuple(map(column_of, line.groups))) == (check.metric, check.groups)


def _main(gate: GateConfig) -> Metric | None:
    """The first metric of the policy that weighs both kinds of wrong labels; recall alone would hide the price."""
    return next((METRICS[check.metric] for check in gate.checks if check.metric in _WHOLE), None)
