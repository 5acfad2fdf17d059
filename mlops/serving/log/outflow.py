"""From a journal into the table, every entry once."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlops.serving.log.journal import Draft, Entry, Journal, Kind, micros
from mlops.serving.log.slots import left_behind
from monitoring.store.base import LabelRecord, Mark, RequestLog, RequestRecord

_LOG = logging.getLogger("weighbridge.request_log")
_FORMS: dict[Kind, TypeAdapter[Any]] = {
    Kind.REQUESTS: TypeAdapter(list[RequestRecord]),
    Kind.LABELS: TypeAdapter(list[LabelRecord]),
}


def draft(kind: Kind, items: Sequence[RequestRecord] | Sequence[LabelRecord]) -> Draft:
    """Records as an entry of the journal; inputs are written as the table has them."""
    payload = _FORMS[kind].dump_json(list(items))
    return Draft(kind, len(items), micros(items[0].at), payload)


class Outflow:
    """Moves the entries of one journal; a step that failed, also unknowingly after its commit, can be repeated."""

    def __init__(self, journal: Journal, log: RequestLog) -> None:
        self._journal = journal
        self._log = log
        self._stored: dict[Kind, int] | None = None

    def step(self, records: int) -> tuple[int, int]:
        """Move the oldest entries, of about so many records; returns how many were stored, and how many are damaged.

        Raises EnvironmentProblem where the table or the journal is at fault.
        """
        stored = self._stored or dict(zip(Kind, self._log.stored(self._journal.id), strict=True))
        # Whatever goes wrong from here on, the table is asked again.
        self._stored = None
        entries = self._journal.read(records=records)
        if not entries:
            self._stored = stored
            return 0, 0
        count = lost = 0
        last = entries[-1].number
        for kind in Kind:
            part = [entry for entry in entries if entry.kind is kind and entry.number > stored[kind]]
            items, damaged = _items(part)
            mark = Mark(self._journal.id, stored[kind], last)
            if items and kind is Kind.REQUESTS:
                self._log.append(items, mark=mark)
            elif items:
                self._log.append_labels(items, mark=mark)
            stored[kind] = last if items else stored[kind]
            count, lost = count + len(items), lost + damaged
        self._journal.forget(last)
        self._stored = stored
        return count, lost


def replay_left_behind(
    folder: Path, log: RequestLog, *, batch_records: int, own: Path | None = None
) -> tuple[int, int]:
    """Store what processes that are gone left in their journals; returns how many records, and how many are damaged.

    own: a journal at the place that this process holds, which it does not write. Raises EnvironmentProblem; what is
    not stored yet stays.
    """
    count = lost = 0
    with left_behind(folder) as paths:
        for path in [*paths, *([own] if own and own.exists() else [])]:
            journal = Journal(path)
            try:
                outflow = Outflow(journal, log)
                while journal.waiting:
                    stored, damaged = outflow.step(batch_records)
                    count, lost = count + stored, lost + damaged
            finally:
                journal.close()
            path.unlink()
    return count, lost


def _items(entries: Sequence[Entry]) -> tuple[list[Any], int]:
    items: list[Any] = []
    lost = 0
    for entry in entries:
        try:
            items += _FORMS[entry.kind].validate_json(entry.payload or b"")
        except ValidationError:
            _LOG.error("a damaged entry is left out", extra={"facts": {"records": entry.records}})
            lost += entry.records
    return items, lost
