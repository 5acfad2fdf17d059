"""Whether there is enough to look at."""

from dataclasses import dataclass

import polars as pl

from evaluation.types import Estimate, Verdict
from monitoring.checks.base import CONFIDENCE, WatchContext
from monitoring.columns import filled
from monitoring.types import Finding, Severity
from monitoring.windows import INPUT_PREFIX

NAME = "traffic"


@dataclass(frozen=True)
class Traffic:
    """Counts the window's records; below `min_records` it is INCONCLUSIVE, and so is every other check of
    the pass.

    The count is exact, so its interval has no width. `detail` holds when the window began and ended, how
    long it is and how old its newest record (null without records), and the share of missing values: over
    all features, and of each that misses any.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """One finding, `records`."""
        records, needed = context.current.height, context.config.min_records
        enough = records >= needed
        missing = _missing_shares(context.current)
        overall = sum(missing.values()) / len(missing) if missing else None
        said = [f"{records} records" if enough else f"{records} records are too few, {needed} are needed"]
        if records:
            said.append(f"over {_span_s(context.current):.0f} s")
            said.append(f"the newest {_age_s(context):.0f} s ago")
        if overall is not None:
            said.append(f"{overall:.1%} of the feature values are missing")
        finding = Finding(
            check=NAME,
            subject="records",
            verdict=Verdict.PASS if enough else Verdict.INCONCLUSIVE,
            severity=Severity.INFO,
            message=", ".join(said),
            estimate=Estimate(records, records, records, records, CONFIDENCE, "count"),
            bound=needed,
            detail={
                **_span(context),
                "missing": overall,
                "missing_by_feature": {name: share for name, share in missing.items() if share},
            },
        )
        return (finding,)


def _span_s(frame: pl.DataFrame) -> float:
    return float((frame["at"][-1] - frame["at"][0]).total_seconds())


def _age_s(context: WatchContext) -> float:
    return float((context.now - context.current["at"][-1]).total_seconds())


def _span(context: WatchContext) -> dict[str, str | float | None]:
    frame = context.current
    if frame.is_empty():
        return {"first": None, "last": None, "span_s": None, "newest_age_s": None}
    return {
        "first": frame["at"][0].isoformat(),
        "last": frame["at"][-1].isoformat(),
        "span_s": _span_s(frame),
        "newest_age_s": _age_s(context),
    }


def _missing_shares(frame: pl.DataFrame) -> dict[str, float]:
    """Share of rows without a value, feature by feature; NaN is no value. Empty without rows."""
    if frame.is_empty():
        return {}
    features = frame.select(pl.col(f"^{INPUT_PREFIX}.*$"))
    return {column.name.removeprefix(INPUT_PREFIX): 1 - filled(column) / frame.height for column in features}
