"""How a judged check appears in a report: table row, picture, and what is behind it."""

from collections.abc import Sequence

from evaluation.gate.words import limits, unit
from evaluation.plan import AT_LEAST, bound_line
from evaluation.reports.blocks import Badge, Cell, Item, Items, Picture, Stack, Table
from evaluation.reports.numbers import bound_text, count, number
from evaluation.reports.picture import axis
from evaluation.types import CheckKind, CheckResult, Direction, Tier, Verdict

_ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


def worst_first(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """Failed before inconclusive before passed, else in the policy's order."""
    return sorted(checks, key=lambda check: _ORDER[check.verdict])


def checks_table(checks: Sequence[CheckResult]) -> Table:
    """One row a check: verdict, name, interval against bound, both as numbers."""
    ends = _axes(checks)
    return Table(
        columns=("Verdict", "Check", "Interval and bound", "Value and limits", "Bound"),
        rows=tuple(_row(check, ends) for check in worst_first(checks)),
        numbers=frozenset({3, 4}),
    )


def open_items(checks: Sequence[CheckResult]) -> Items:
    """Every check that did not pass, with its reason."""
    return Items(
        tuple(
            Item(check.id, reason(check), check.verdict)
            for check in worst_first(checks)
            if check.verdict is not Verdict.PASS
        )
    )


def reason(check: CheckResult) -> str:
    """Why a check was judged so, and what that means for the release where it means less than usual."""
    if check.waiver is not None:
        waiver = check.waiver
        return f"{check.reason} Waived by {waiver.owner} until {waiver.until}: {waiver.reason}"
    if check.tier is Tier.ADVISORY:
        return f"{check.reason} The check is advisory."
    if check.tier is Tier.SUPPORTING and check.verdict is Verdict.INCONCLUSIVE:
        return f"{check.reason} The check is supporting: only proven harm would stop the release."
    return check.reason


def groups_table(checks: Sequence[CheckResult]) -> Table | None:
    """Rates by group behind the bias checks, each rate of each group once; None without such checks."""
    rows: dict[tuple[str, str, str], tuple[Cell, ...]] = {}
    for check in checks:
        where = ", ".join(f"{column}={value}" for column, value in check.rows.items()) or "all rows"
        for entry in check.detail.get("groups", ()):
            for rate, value in entry["rates"].items():
                shown = "none" if value is None else number(value)
                rows[rate, where, entry["group"]] = (rate, where, entry["group"], f"{entry['n']:,}", shown)
    if not rows:
        return None
    columns = ("Rate", "Rows", "Group", "Size", "Value")
    return Table(columns, tuple(rows.values()), numbers=frozenset({3, 4}))


def required(check: CheckResult) -> str:
    """The bound in short: `≥ 0.72`, or the worst difference that is allowed: `> -0.01`."""
    if check.kind is CheckKind.ABSOLUTE:
        return f"{'≥' if check.comparison == AT_LEAST else '≤'} {bound_text(check.bound)}"
    if check.direction is Direction.HIGHER_IS_BETTER:
        return f"> {bound_text(-check.bound)}"
    return f"< {bound_text(check.bound)}"


def _row(check: CheckResult, ends: dict[tuple[str, str], tuple[float, float]]) -> tuple[Cell, ...]:
    estimate, found = check.estimate, limits(check.estimate)
    signed = check.kind is CheckKind.CHAMPION
    value = "none" if estimate.value is None else number(estimate.value, signed=signed)
    span = "no limits" if found is None else " to ".join(number(limit, signed=signed) for limit in found)
    note = f"{estimate.method}, {count(estimate.n, unit(check))}"
    if standing := _standing(check):
        note = f"{standing}; {note}"
    picture = _picture(check, ends)
    return (
        Badge(check.verdict),
        Stack(check.id, note if found else f"{count(estimate.n, unit(check))}"),
        picture if picture is not None else estimate.problem or "no interval",
        Stack(value, span),
        required(check),
    )


def _standing(check: CheckResult) -> str:
    """What makes a check weigh less than a critical one."""
    if check.waiver is not None:
        return f"waived until {check.waiver.until}"
    return "" if check.tier is Tier.CRITICAL else str(check.tier)


def _picture(check: CheckResult, ends: dict[tuple[str, str], tuple[float, float]]) -> Picture | None:
    found = limits(check.estimate)
    if found is None or check.estimate.value is None:
        return None
    start, end = ends[check.metric, check.comparison]
    bound, keeps_above = _line(check)
    return Picture(
        low=found[0],
        value=check.estimate.value,
        high=found[1],
        bound=bound,
        keeps_above=keeps_above,
        verdict=check.verdict,
        start=start,
        end=end,
        text=f"{number(found[0])} to {number(found[1])}, bound {bound_text(bound)}: {check.verdict}",
    )


def _line(check: CheckResult) -> tuple[float, bool]:
    return bound_line(check.kind, check.comparison, check.direction, check.bound)


def _axes(checks: Sequence[CheckResult]) -> dict[tuple[str, str], tuple[float, float]]:
    """One axis for all checks of a metric and comparison, so that slices can be compared by eye."""
    values: dict[tuple[str, str], list[float]] = {}
    for check in checks:
        if (found := limits(check.estimate)) is not None:
            values.setdefault((check.metric, check.comparison), []).extend([*found, _line(check)[0]])
    return {key: axis(found) for key, found in values.items()}
