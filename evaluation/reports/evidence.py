"""Raw and adjusted evidence of every check, as a table for those who want to see the numbers behind a verdict."""

from collections.abc import Sequence

from evaluation.gate.words import unit
from evaluation.reports.blocks import Badge, Cell, Stack, Table
from evaluation.reports.numbers import count, number
from evaluation.types import CheckResult

_LEAST = 1e-6


def evidence_table(checks: Sequence[CheckResult]) -> Table | None:
    """p-values to pass and to fail, the latter also after Holm's correction, and what more rows would tell."""
    rows = tuple(_row(check) for check in checks if check.p_pass is not None and check.p_fail is not None)
    if not rows:
        return None
    columns = (
        "Verdict",
        "Check",
        "p, keeps bound",
        "p, breaks bound",
        "after Holm",
        "Resolves",
        "Would decide",
    )
    return Table(columns, rows, numbers=frozenset(range(2, 7)))


def _row(check: CheckResult) -> tuple[Cell, ...]:
    return (
        Badge(check.verdict),
        Stack(check.id, check.tier if check.family is None else f"{check.tier}, one of {check.family}"),
        p_text(check.p_pass),
        p_text(check.p_fail),
        p_text(check.p_fail_adjusted) if check.family is not None else "",
        "" if check.resolvable is None else number(check.resolvable),
        "" if check.needed is None else count(check.needed, unit(check)),
    )


def p_text(p: float | None) -> str:
    """A p-value with two digits, below a millionth only as that.

    >>> p_text(0.04321), p_text(3e-9), p_text(1.0), p_text(None)
    ('0.043', '< 1e-06', '1', 'none')
    """
    if p is None:
        return "none"
    return f"{p:.2g}" if p >= _LEAST else f"< {_LEAST:.0e}"
