"""From the lines of a policy to single checks: one for each bound, column value and comparison."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

import polars as pl

from evaluation.columns import require_parts
from evaluation.config import CheckConfig, GateConfig, Part, SliceBy, column_of
from evaluation.errors import UserError
from evaluation.metrics.base import Metric, Need, Quantile
from evaluation.metrics.builtin import METRICS, find_metric
from evaluation.metrics.named import named_by
from evaluation.samples import Slice, slices
from evaluation.stats.intervals import requests_for
from evaluation.types import CheckKind, Direction, Task, Tier

AT_LEAST = "at_least"
AT_MOST = "at_most"
NO_WORSE = "no_worse_than_champion_by"


# What is asked beside the rows themselves.
BESIDE_ROWS = frozenset({Need.VARIANTS, Need.PAIRS})


@dataclass(frozen=True)
class Line:
    """One check to be measured; `part` is None for all rows.

    family: one text for all slices of one line of policy and one comparison; None without slices.
    """

    id: str
    metric: Metric
    comparison: str
    bound: float
    groups: tuple[Part, ...] = ()
    part: Slice | None = None
    tier: Tier = Tier.CRITICAL
    family: str | None = None

    @property
    def kind(self) -> CheckKind:
        """What the check's estimate is compared with."""
        return CheckKind.CHAMPION if self.comparison == NO_WORSE else CheckKind.ABSOLUTE

    @property
    def compares(self) -> bool:
        """Whether there is nothing to say without a champion."""
        return self.kind is CheckKind.CHAMPION or Need.CHAMPION in self.metric.needs

    @property
    def bound_line(self) -> tuple[float, bool]:
        """The bound on the estimate's own axis, and whether the truth must lie above it.

        >>> Line("", METRICS["accuracy"], NO_WORSE, 0.02).bound_line
        (-0.02, True)
        >>> Line("", METRICS["brier"], NO_WORSE, 0.02).bound_line
        (0.02, False)
        """
        return bound_line(self.kind, self.comparison, self.metric.direction, self.bound)


def bound_line(kind: CheckKind, comparison: str, direction: Direction, bound: float) -> tuple[float, bool]:
    """A bound on the axis of what is measured, and whether the truth must lie above it.

    >>> bound_line(CheckKind.ABSOLUTE, AT_MOST, Direction.LOWER_IS_BETTER, 0.1)
    (0.1, False)
    """
    if kind is CheckKind.ABSOLUTE:
        return bound, comparison == AT_LEAST
    above = direction is Direction.HIGHER_IS_BETTER
    return (-bound if above else bound), above


def columns_of(gate: GateConfig, *, metrics: Mapping[str, Metric] = METRICS) -> list[str]:
    """Every column that the policy takes groups, slices or units by, sorted; not those that variants have."""
    parts = [part for check in gate.checks for part in _parts(check) if not beside_rows(check, metrics)]
    return sorted({*map(column_of, parts), *([gate.unit] if gate.unit else [])})


def grouping_columns(gate: GateConfig, *, metrics: Mapping[str, Metric] = METRICS) -> list[str]:
    """The columns that the policy takes value by value, in slices or groups, sorted."""
    parts = [part for check in gate.checks for part in _parts(check) if not beside_rows(check, metrics)]
    return sorted({part for part in parts if isinstance(part, str)})


def beside_rows(check: CheckConfig, metrics: Mapping[str, Metric] = METRICS) -> bool:
    """Whether a check is about counterfactual variants of the rows, or about pairs of sentences, not about the rows."""
    return check.metric in metrics and not metrics[check.metric].needs.isdisjoint(BESIDE_ROWS)


def lists_of(gate: GateConfig) -> tuple[str, ...]:
    """The names of the lists of words that variants are made by, which are the groups' columns there."""
    return tuple(PurePath(name).stem for name in gate.counterfactual.swap) if gate.counterfactual else ()


def _parts(check: CheckConfig) -> list[Part]:
    sliced = [part for by in check.slices for part in (by if isinstance(by, tuple) else (by,))]
    return [*check.groups, *sliced]


def check_gate(
    gate: GateConfig,
    *,
    task: Task,
    schema: Mapping[str, pl.DataType],
    metrics: Mapping[str, Metric] = METRICS,
) -> None:
    """See, before anything is trained, that every line of policy can be measured.

    schema: the columns of the evaluation data and their types.

    Raises UserError for an unknown metric or column (with the nearest known), a metric of another task,
    groups that are missing or of no use, bins of what is no number, a bound outside the metric's range, and
    what can't be compared or sliced.
    """
    known = named_by(gate, metrics)
    for check in gate.checks:
        metric = find_metric(check.metric, among=known)
        if not beside_rows(check, metrics):
            require_parts(_parts(check), schema, "the evaluation data")
        if problem := _misuse(check, metric, task) or _unfit_variants(check, metric, lists_of(gate)):
            found, expected = problem
            raise UserError(
                f"gate.checks: {metric.name}: {found}",
                expected=expected,
                next_step="correct the check in weighbridge.yaml, see `weighbridge metrics`",
            )
    if gate.unit is not None:
        require_parts([gate.unit], schema, "the evaluation data, as gate.unit")


def _misuse(check: CheckConfig, metric: Metric, task: Task) -> tuple[str, str] | None:
    """What is wrong with a check and what was expected, or None."""
    if task not in metric.tasks:
        return f"not a metric of task {task}", f"a metric for {task}, not {' or '.join(sorted(metric.tasks))}"
    if check.no_worse_than_champion_by is not None and not metric.ranked:
        return "neither more nor less of it is better", "at_least or at_most"
    return _unfit_columns(check, metric) or _out_of_range(check, metric)


def _unfit_columns(check: CheckConfig, metric: Metric) -> tuple[str, str] | None:
    if Need.GROUPS in metric.needs and not check.groups:
        return "no groups named", "groups: [COLUMN, ...], the sensitive columns"
    if Need.GROUPS not in metric.needs and check.groups:
        return "it does not compare groups", "slices instead of groups, or a bias metric"
    if Need.LATENCY in metric.needs and check.slices:
        return "latency is not measured by slice", "no slices"
    for columns in (check.groups, *(by for by in check.slices if isinstance(by, tuple))):
        twice = [name for name, times in Counter(map(column_of, columns)).items() if times > 1]
        if twice:
            return f"column '{twice[0]}' is combined with itself", "different columns"
    return None


def _unfit_variants(check: CheckConfig, metric: Metric, lists: tuple[str, ...]) -> tuple[str, str] | None:
    if check.slices and not metric.needs.isdisjoint(BESIDE_ROWS):
        return "it is not about the rows, which slices are taken of", "no slices"
    if Need.VARIANTS not in metric.needs:
        return None
    if not lists:
        return "no variants are asked for", "gate.counterfactual: {swap: [gender], columns: [...]}"
    if len(check.groups) != 1 or check.groups[0] not in lists:
        return "its groups are no list of words", f"groups: with one of {', '.join(lists)}"
    return None


def _out_of_range(check: CheckConfig, metric: Metric) -> tuple[str, str] | None:
    low, high = metric.range
    for name, bound in ((AT_LEAST, check.at_least), (AT_MOST, check.at_most)):
        if bound is not None and not low <= bound <= high:
            return f"{name} {bound:g} is outside its range", f"a bound from {low:g} to {high:g}"
    return None


def expand(
    gate: GateConfig, *, task: Task, frame: pl.DataFrame, metrics: Mapping[str, Metric] = METRICS
) -> list[Line]:
    """Every single check, with an id of its own such as `recall[education=university].vs_champion`.

    Raises UserError as `check_gate` does, and for a column with too many values.
    """
    check_gate(gate, task=task, schema=frame.schema, metrics=metrics)
    metrics = named_by(gate, metrics)
    known: dict[SliceBy, list[Slice]] = {}
    families: Counter[str] = Counter()
    lines: list[Line] = []
    for check in gate.checks:
        known |= {by: slices(frame, by) for by in check.slices if by not in known}
        shown = _shown_family(check)
        families[shown] += 1
        family = shown if families[shown] == 1 else f"{shown}#{families[shown]}"
        lines += _lines(
            check, metrics[check.metric], family, [part for by in check.slices for part in known[by]]
        )
    return _distinct(lines)


def _lines(check: CheckConfig, metric: Metric, family: str, parts: list[Slice]) -> list[Line]:
    return [
        Line(
            id=_name(check, part, comparison),
            metric=metric,
            comparison=comparison,
            bound=bound,
            groups=check.groups,
            part=part,
            tier=check.tier,
            family=None if part is None else f"{family}.{comparison}",
        )
        for part in (parts if check.slices else [None])
        for comparison, bound in bounds(check)
    ]


def _shown_family(check: CheckConfig) -> str:
    sliced = ["+".join(map(column_of, by)) if isinstance(by, tuple) else column_of(by) for by in check.slices]
    return f"{check.metric}{_shown_groups(check)} over {', '.join(sliced)}"


def bounds(check: CheckConfig) -> list[tuple[str, float]]:
    """The comparisons that a line of policy asks for, each with its bound."""
    named = (
        (AT_LEAST, check.at_least),
        (AT_MOST, check.at_most),
        (NO_WORSE, check.no_worse_than_champion_by),
    )
    return [(comparison, bound) for comparison, bound in named if bound is not None]


def _name(check: CheckConfig, part: Slice | None, comparison: str) -> str:
    rows = "".join(f"[{column}={value}]" for column, value in part.rows.items()) if part else ""
    return check.metric + _shown_groups(check) + rows + (".vs_champion" if comparison == NO_WORSE else "")


def _shown_groups(check: CheckConfig) -> str:
    return f"({','.join(map(column_of, check.groups))})" if check.groups else ""


def _distinct(lines: list[Line]) -> list[Line]:
    """Tell checks of one name apart: `roc_auc.at_least` and `roc_auc.at_most`, or `roc_auc#2`."""
    shared = Counter(line.id for line in lines)
    seen: Counter[str] = Counter()
    distinct = []
    for line in lines:
        name = line.id
        if shared[name] > 1 and line.kind is CheckKind.ABSOLUTE:
            name = f"{name}.{line.comparison}"
        seen[name] += 1
        distinct.append(replace(line, id=name if seen[name] == 1 else f"{name}#{seen[name]}"))
    return distinct


def latency_requests(gate: GateConfig, *, metrics: Mapping[str, Metric] = METRICS) -> int:
    """Fewest timed requests that the policy's latency checks need; 0 where it has none.

    >>> latency_requests(GateConfig(checks=({"metric": "latency_p95_ms", "at_most": 50},)))
    400
    """
    designs = [metrics[check.metric].design for check in gate.checks if check.metric in metrics]
    return max((requests_for(design.q) for design in designs if isinstance(design, Quantile)), default=0)
