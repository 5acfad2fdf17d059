"""The request log as two Delta Lake tables, `requests` and `labels`, partitioned by day."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.columns import decode, encode, input_columns, typed
from monitoring.store.table import DayTable

_AT = pl.Datetime("us", "UTC")
# `at` to `version` come first: Delta keeps the smallest and largest value of a file's first columns in clear text,
# and those of inputs and predictions would be personal data in the table's own log.
REQUESTS = pl.Schema(
    {
        "at": _AT,
        "id": pl.String(),
        "model": pl.String(),
        "version": pl.String(),
        "release_id": pl.String(),
        "latency_ms": pl.Float64(),
        "score": pl.Float64(),
        "prediction": pl.String(),
        "inputs": pl.String(),
        "guards": pl.List(pl.String()),
        "caller": pl.String(),
        "day": pl.Date(),
    }
)
LABELS = pl.Schema({"at": _AT, "id": pl.String(), "target": pl.String(), "day": pl.Date()})
# A label's clock may be behind the server's that wrote the request.
_CLOCK_SKEW = timedelta(days=1)
_FIXED = (
    "id", "at", "version", "release_id", "latency_ms", "prediction", "score", "guards", "caller", "target",
)  # fmt: skip


class DeltaRequestLog:
    """A request log under `root` (a folder, or an address that deltalake knows); a RequestLog.

    Any number of processes may append, read and compact at once. A record is safe from a crash of the process
    when `append` returns. Features come back as whole numbers, numbers, booleans or text (datetimes as ISO 8601
    text); predictions and labels likewise.
    """

    def __init__(self, root: Path | str) -> None:
        base = str(root).rstrip("/")
        self._requests = DayTable(f"{base}/requests", REQUESTS)
        self._labels = DayTable(f"{base}/labels", LABELS)

    def append(self, records: Sequence[RequestRecord]) -> None:
        """Store answered rows. Raises EnvironmentProblem; then none of them is stored."""
        if not records:
            return
        at = pl.Series("at", [record.at.astimezone(UTC) for record in records], dtype=_AT)
        rest: dict[str, list[Any]] = {
            "id": [record.id for record in records],
            "model": [record.model for record in records],
            "version": [record.version for record in records],
            "release_id": [record.release_id for record in records],
            "latency_ms": [record.latency_ms for record in records],
            "score": [record.score for record in records],
            "prediction": [encode(record.label) for record in records],
            "inputs": [encode(record.inputs) for record in records],
            "guards": [list(record.guards) for record in records],
            "caller": [record.caller for record in records],
        }
        frame = pl.DataFrame(
            [at, *(pl.Series(name, values, REQUESTS[name]) for name, values in rest.items())]
        )
        self._requests.append(frame.with_columns(day=pl.col("at").dt.date()))

    def append_labels(self, labels: Sequence[LabelRecord]) -> None:
        """Store labels, also of ids that are not in the log yet.

        Of several for one id in one call the newest counts, of equally new ones the last.
        Raises EnvironmentProblem; then none is stored.
        """
        newest: dict[str, LabelRecord] = {}
        for label in labels:
            if label.id not in newest or label.at >= newest[label.id].at:
                newest[label.id] = label
        if not newest:
            return
        rows = [(label.at.astimezone(UTC), key, encode(label.label)) for key, label in newest.items()]
        frame = pl.DataFrame(rows, schema={"at": _AT, "id": pl.String(), "target": pl.String()}, orient="row")
        self._labels.append(frame.with_columns(day=pl.col("at").dt.date()))

    def read(
        self,
        *,
        model: str,
        version: str | None = None,
        since: datetime | None = None,
        last: int | None = None,
    ) -> pl.DataFrame:
        """Read the newest `last` records (all if None), oldest first, joined with their newest labels.

        `since` is inclusive. Columns as in RequestLog.read; a feature that no record read has is no column, one
        that every record leaves out has the Null type. Raises EnvironmentProblem.
        """
        wanted = pl.col("model") == model
        if version is not None:
            wanted &= pl.col("version") == version
        rows = self._requests.newest(wanted, since=since, last=last)
        targets = self._newest_labels(rows)
        rows = rows.join(targets, on="id", how="left", maintain_order="left")
        inputs = input_columns(rows["inputs"].to_list())
        told = [typed(name, decode(rows[name].to_list())) for name in ("prediction", "target")]
        return rows.with_columns(told).select(_FIXED).hstack(inputs)

    def compact(self) -> None:
        """Merge small files and remove those merged more than an hour ago. Raises EnvironmentProblem."""
        self._requests.compact()
        self._labels.compact()

    def _newest_labels(self, rows: pl.DataFrame) -> pl.DataFrame:
        empty = pl.DataFrame(schema={"id": pl.String(), "target": pl.String()})
        oldest = rows["at"].min()
        labels = self._labels.scan()
        if labels is None or not isinstance(oldest, datetime):
            return empty
        known = labels.filter(pl.col("day") >= (oldest - _CLOCK_SKEW).date())
        known = known.join(rows.lazy().select("id").unique(), on="id", how="semi")
        return known.sort("at").group_by("id").agg(pl.col("target").last()).collect()
