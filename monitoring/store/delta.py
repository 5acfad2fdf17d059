"""The request log as two Delta Lake tables, `requests` and `labels`, partitioned by day."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from monitoring.store.base import LabelRecord, Mark, RequestRecord
from monitoring.store.columns import decode, encode, input_columns, names_any, names_field, said_of, typed
from monitoring.store.table import DayTable
from monitoring.store.traces import in_bytes, in_tables

_AT = pl.Datetime("us", "UTC")
# Delta keeps the smallest and largest value of a file's columns in clear text; of all others they would be personal
# data in the table's own log, which outlives the file.
_TOLD = ("at", "model", "version", "release_id")
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
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "cost": pl.Float64(),
        "finish_reason": pl.String(),
        "sources": pl.List(pl.String()),
        "day": pl.Date(),
    }
)
_USAGE = ("prompt_tokens", "completion_tokens", "cost", "finish_reason")
_LATER = ("guards", "caller", *_USAGE, "sources")
LABELS = pl.Schema({"at": _AT, "id": pl.String(), "target": pl.String(), "day": pl.Date()})
# A label's clock may be behind the server's that wrote the request.
_CLOCK_SKEW = timedelta(days=1)
_FIXED = (
    "id", "at", "version", "release_id", "latency_ms", "prediction", "score", "guards", "caller", *_USAGE, "sources",
    "target",
)  # fmt: skip


@dataclass(frozen=True)
class Removed:
    """How many rows went; `ids` are those of erased requests."""

    requests: int
    labels: int
    ids: frozenset[str] = frozenset()


def _times(values: Sequence[datetime]) -> pl.Series:
    """Times as the column `at`; by way of Arrow, as Polars takes five times as long with a zone."""
    import pyarrow as pa

    utc = pa.array([value.astimezone(UTC) for value in values], pa.timestamp("us", "UTC"))
    return pl.Series("at", utc, dtype=_AT)


def _lists(values: Sequence[Sequence[str] | None]) -> pl.Series:
    """Lists of text as a column; by way of Arrow, as Polars would make a column of each."""
    import pyarrow as pa

    return pl.Series(pa.array(values, pa.large_list(pa.large_string())))


def _usage(records: Sequence[RequestRecord]) -> dict[str, Any]:
    """What texts took, by column; of answers that are no texts a null stands for all."""
    if all(record.usage is None for record in records):
        return dict.fromkeys(_USAGE, [None] * len(records))
    return {name: [getattr(record.usage, name, None) for record in records] for name in _USAGE}


def _encoded(labels: Sequence[Any]) -> list[str]:
    """Labels as JSON, each of a batch once; 1, 1.0 and True are not the same text."""
    known: dict[tuple[type, Any], str] = {}
    return [
        known.get(key) or known.setdefault(key, encode(key[1]))
        for key in zip(map(type, labels), labels, strict=True)
    ]


class DeltaRequestLog:
    """A request log under `root` (a folder, or an address that deltalake knows); a RequestLog.

    Any number of processes may append, read and compact at once. A record is safe from a crash of the process
    when `append` returns. Features come back as whole numbers, numbers, booleans or text (datetimes as ISO 8601
    text); predictions and labels likewise.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        keep: timedelta | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._root = base = str(root).rstrip("/")
        self._clock = clock
        self._keep = keep
        self._requests = DayTable(
            f"{base}/requests", REQUESTS, told=_TOLD, later=_LATER, keep_from=self._keep_from
        )
        self._labels = DayTable(f"{base}/labels", LABELS, told=("at",), keep_from=self._keep_from)

    def prepare(self) -> None:
        """Load what an append needs and open the tables that there are. Raises EnvironmentProblem."""
        self._requests.prepare()
        self._labels.prepare()

    def append(self, records: Sequence[RequestRecord], *, mark: Mark | None = None) -> None:
        """Store answered rows, once a mark. Raises EnvironmentProblem; then none of them is stored."""
        if not records:
            return
        rest: dict[str, Any] = {
            "id": [record.id for record in records],
            "model": [record.model for record in records],
            "version": [record.version for record in records],
            "release_id": [record.release_id for record in records],
            "latency_ms": [record.latency_ms for record in records],
            "score": [record.score for record in records],
            "prediction": _encoded([record.label for record in records]),
            "inputs": [encode(record.inputs) for record in records],
            "guards": _lists([record.guards for record in records]),
            "caller": [record.caller for record in records],
            **_usage(records),
            "sources": _lists([record.sources for record in records]),
        }
        columns = (pl.Series(name, values, REQUESTS[name]) for name, values in rest.items())
        frame = pl.DataFrame([_times([record.at for record in records]), *columns])
        self._requests.append(frame.with_columns(day=pl.col("at").dt.date()), mark)

    def append_labels(self, labels: Sequence[LabelRecord], *, mark: Mark | None = None) -> None:
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
        self._labels.append(frame.with_columns(day=pl.col("at").dt.date()), mark)

    def stored(self, journal: str) -> tuple[int, int]:
        """Up to which entry of a journal requests and labels are stored. Raises EnvironmentProblem."""
        return self._requests.stored(journal), self._labels.stored(journal)

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
        """Merge small files, remove days beyond `keep`, and files merged more than an hour ago.

        Raises EnvironmentProblem.
        """
        self._requests.compact()
        self._labels.compact()

    def prune(self) -> Removed:
        """Remove the days beyond `keep` and their files at once. Raises EnvironmentProblem."""
        first = self._keep_from()
        if first is None:
            return Removed(0, 0)
        return Removed(self._requests.remove_before(first), self._labels.remove_before(first))

    def erase(self, names: Collection[str], *, field: str | None) -> Removed:
        """Remove every row about a subject, its labels, and every file that held one, at once.

        names: what the subject is called in the log; field: the input field that names it, None for the row's id.
        Labels go first: a command that was interrupted finds the rest again. Raises EnvironmentProblem.
        """
        rows = self.about(names, field=field)
        ids = pl.Series("id", rows["id"] if field is not None else list(names), pl.String())
        doomed = self._labels.read(lambda labels: labels.filter(pl.col("id").is_in(ids.implode())))
        removed_labels = self._labels.remove(doomed.select("day", "at", "id"))
        removed = self._requests.remove(rows.select("day", "at", "id", "inputs"))
        return Removed(removed, removed_labels, frozenset(rows["id"]))

    def traces(
        self, names: Collection[str], *, field: str | None, ids: Collection[str], folder: Path
    ) -> tuple[str, ...]:
        """Files that hold a row about a subject, in a table or not; and others below `folder` that name it.

        The tables' own logs are searched where they lie on this machine. Raises EnvironmentProblem.
        """
        found = in_tables(self._root, names, field=field, ids=ids)
        places = {folder, *(() if "://" in self._root else (Path(self._root),))}
        others = [in_bytes(place, {*names, *ids}) for place in sorted(places)]
        return tuple(dict.fromkeys((*found, *(path for place in others for path in place))))

    def about(self, names: Collection[str], *, field: str | None) -> pl.DataFrame:
        """The rows about a subject, with the columns of the table. Raises EnvironmentProblem."""
        if field is None:
            return self._requests.read(lambda rows: rows.filter(pl.col("id").is_in(list(names))))
        near = self._requests.read(lambda rows: rows.filter(names_any(names)))
        return near.filter([said_of(text, field) in names for text in near["inputs"]])

    def lacks(self, field: str) -> bool:
        """Whether there are rows, and none of them has this input. Raises EnvironmentProblem."""
        if self._requests.read(lambda rows: rows.head(1)).is_empty():
            return False
        return self._requests.read(lambda rows: rows.filter(names_field(field)).head(1)).is_empty()

    def _keep_from(self) -> date | None:
        return None if self._keep is None else (self._clock() - self._keep).astimezone(UTC).date()

    def _newest_labels(self, rows: pl.DataFrame) -> pl.DataFrame:
        oldest = rows["at"].min()
        if not isinstance(oldest, datetime):
            return pl.DataFrame(schema={"id": pl.String(), "target": pl.String()})
        first = (oldest - _CLOCK_SKEW).date()

        def newest(labels: pl.LazyFrame) -> pl.LazyFrame:
            known = labels.filter(pl.col("day") >= first)
            known = known.join(rows.lazy().select("id").unique(), on="id", how="semi")
            return known.sort("at").group_by("id").agg(pl.col("target").last())

        return self._labels.read(newest)
