"""Running the user's Great Expectations suite on both tables, and saying what it found."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from evaluation.types import Verdict
from mlops.data.checks import DataCheck
from mlops.data.load import Dataset
from mlops.data.suite import LINE, Line, quiet_great_expectations

_SHOWN = 5


def run_suite(
    suite: Sequence[Line], dataset: Dataset, advance: Callable[[float], None]
) -> tuple[DataCheck, ...]:
    """Ask each table once for the whole suite; one check a line, over both tables.

    A line that Great Expectations could not work out is INCONCLUSIVE, never a pass.
    """
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for done, (table, frame) in enumerate((("train", dataset.train), ("holdout", dataset.evaluate)), 1):
        found[table] = _ask(table, frame, [line.expectation for line in suite])
        advance(done / 2)
    return tuple(
        _judge(line.name, {table: results.get(number) for table, results in found.items()})
        for number, line in enumerate(suite)
    )


def _ask(table: str, frame: pl.DataFrame, expectations: list[Any]) -> dict[int, dict[str, Any]]:
    """Run the suite on one table; gives, by line, success, problem and result, or nothing for a line."""
    gx = quiet_great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    try:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("weighbridge").add_dataframe_asset(table)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame.to_pandas()})
        suite = gx.ExpectationSuite(name=table, expectations=expectations)
        answer = batch.validate(suite, result_format="SUMMARY")
    except Exception as error:  # noqa: BLE001 - the user's expectations run in there
        problem = f"{type(error).__name__}: {error}"
        return {number: {"problem": problem} for number in range(len(expectations))}
    return {
        result.expectation_config.meta[LINE]: {
            "success": bool(result.success),
            "problem": _exception(result.exception_info),
            "result": dict(result.result or {}),
        }
        for result in answer.results
    }


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """The message of what was raised; newer results nest it under the metric that raised."""
    info = info or {}
    nested = [item for item in info.values() if isinstance(item, dict)]
    for item in [info, *nested]:
        if item.get("raised_exception"):
            return (str(item.get("exception_message") or "").strip() or "an exception").splitlines()[0]
    return None


def _judge(name: str, found: Mapping[str, dict[str, Any] | None]) -> DataCheck:
    verdicts, messages, detail = [], [], {}
    for table, one in found.items():
        problem = "no result" if one is None else one.get("problem")
        if one is None or problem:
            verdicts.append(Verdict.INCONCLUSIVE)
            messages.append(f"{table}: could not be worked out: {str(problem)[:300]}")
            detail[table] = {"problem": str(problem)}
        else:
            verdicts.append(Verdict.PASS if one["success"] else Verdict.FAIL)
            detail[table] = _summary(one["result"])
            if not one["success"]:
                messages.append(f"{table}: {_tell(detail[table])}")
    message = "; ".join(messages) or "holds in train and holdout"
    return DataCheck(name, Verdict.worst(verdicts), message, detail)


def _summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """Counts, observed value and up to five different examples, as JSON values."""
    kept = ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "observed_value")
    summary = {key: _plain(result[key]) for key in kept if result.get(key) is not None}
    if examples := result.get("partial_unexpected_list"):
        summary["examples"] = list({str(value): _plain(value) for value in examples}.values())[:_SHOWN]
    return summary


def _tell(summary: Mapping[str, Any]) -> str:
    parts = []
    if "unexpected_count" in summary:
        total = f" of {summary['element_count']:,}" if "element_count" in summary else ""
        parts.append(f"{summary['unexpected_count']:,}{total} values are unexpected")
    if "examples" in summary:
        parts.append("such as " + ", ".join(str(value) for value in summary["examples"]))
    if "observed_value" in summary:
        parts.append(f"observed {summary['observed_value']}"[:200])
    return ", ".join(parts) or "does not hold"


def _plain(value: Any) -> Any:
    """Turn NumPy's and pandas' values into JSON's; what has no number there becomes its text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
