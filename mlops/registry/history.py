"""Who served when, and by which decision."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import EnvironmentProblem, UserError, WeighbridgeError
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.registry.client import Alias, ModelVersion, Registry
from mlops.registry.moves import settled, stretches
from mlops.registry.promote import fetch_record, require_recorded

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Decision:
    """What let a version serve; `problem` says why the record cannot be taken as proof, None where it can."""

    verdict: str | None
    digest: str | None
    key: str | None
    waivers: tuple[dict[str, str], ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Served:
    """One stretch of one version as champion, in UTC; until is None while it serves or where nobody knows."""

    since: datetime
    until: datetime | None
    serves: bool
    version: str
    release_id: str | None
    commit: str | None
    decision: Decision

    def touches(self, begin: datetime, end: datetime) -> bool:
        """Whether any of [begin, end) lies in it."""
        return self.since < end and (self.until is None or self.until > begin)


@dataclass(frozen=True)
class History:
    """Every stretch, newest first; `unknown` is a champion that Weighbridge did not make one."""

    model: str
    served: tuple[Served, ...]
    unknown: str | None = None


def read_history(registry: Registry, releases: Path) -> History:
    """Read every stretch from the registry, with the decision behind it from `releases` or the registry."""
    versions, champion = settled(registry), registry.by_alias(Alias.CHAMPION)
    now = champion.version if champion else None
    found: list[Served] = []
    for version in versions:
        times = stretches(version)
        decision = _decision(registry, version, releases) if times else None
        for number, stretch in enumerate(times, start=1):
            serves = stretch.until is None and version.version == now and number == len(times)
            where = (version.version, version.release_id, version.commit)
            found.append(Served(stretch.since, stretch.until, serves, *where, decision or _none(version)))
    found.sort(key=lambda served: served.since, reverse=True)
    known = any(served.serves for served in found)
    return History(registry.model, tuple(_bounded(found)), None if known else now)


def on(history: History, begin: datetime, end: datetime) -> History:
    """The stretches that touch [begin, end)."""
    return replace(history, served=tuple(item for item in history.served if item.touches(begin, end)))


def parse_time(text: str) -> tuple[datetime, datetime]:
    """Read a day or a moment, in UTC unless it says otherwise, as [begin, end).

    Raises UserError for anything else.

    >>> [str(moment) for moment in parse_time("2026-05-03")]
    ['2026-05-03 00:00:00+00:00', '2026-05-04 00:00:00+00:00']
    >>> str(parse_time("2026-05-03T14:30+02:00")[0])
    '2026-05-03 12:30:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
        if not set("T :") & set(text):
            begin = moment.replace(tzinfo=UTC)
            return begin, begin + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UserError(
            f"{text!r} is neither a day nor a time",
            expected="such as 2026-05-03 or 2026-05-03T14:30, in UTC",
            next_step="weighbridge history",
        ) from None
    begin = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return begin, begin + timedelta(microseconds=1)


def to_json(history: History) -> dict[str, Any]:
    """For `weighbridge history --json`; times in ISO 8601."""
    rows = [
        {**asdict(item), "since": item.since.isoformat(), "until": item.until and item.until.isoformat()}
        for item in history.served
    ]
    return {"model": history.model, "served": rows, "unknown": history.unknown}


def render(history: History, *, proof: bool) -> "RenderableType":
    """For people; `proof` adds which record it was, and what its waivers say."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("from (UTC)", "until (UTC)", "version", "release", "verdict", "waivers", "commit", box=None)
    for item in history.served:
        waived = ", ".join(waiver["check"] for waiver in item.decision.waivers)
        until = "serves" if item.serves else "not known" if item.until is None else _shown(item.until)
        verdict = item.decision.verdict or "-"
        if item.decision.problem:
            verdict += " (not proven)"
        table.add_row(
            _shown(item.since), until, item.version, item.release_id or "-", verdict, Text(waived or "-"),
            (item.commit or "-")[:10],
        )  # fmt: skip
    lines = [line for item in history.served for line in _proof(item)] if proof else _unproven(history)
    if history.unknown:
        lines.append(
            f"version {history.unknown} is champion, but not by Weighbridge's doing: since when is not known"
        )
    # What people wrote into a waiver is shown as it is: no markup.
    return Group(*([table] if history.served else []), *(Text(line) for line in lines))


def _proof(item: Served) -> Iterable[str]:
    decision = item.decision
    yield f"\nversion {item.version} by decision {decision.digest or '-'}"
    yield f"  signed by key {decision.key or '-'}" + (f", but {decision.problem}" if decision.problem else "")
    for waiver in decision.waivers:
        yield f"  waived {waiver['check']} until {waiver['until']}, {waiver['owner']}: {waiver['reason']}"


def _unproven(history: History) -> list[str]:
    problems = {item.version: item.decision.problem for item in history.served if item.decision.problem}
    return [f"version {version}: {problem}" for version, problem in problems.items()]


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _bounded(found: Sequence[Served]) -> Iterable[Served]:
    """Where nobody wrote down an end, it was at the latest when the next one began; found: newest first."""
    following: datetime | None = None
    for item in found:
        open_end = item.until is None and not item.serves
        yield replace(item, until=following) if open_end else item
        following = item.since


def _none(version: ModelVersion, problem: str | None = None) -> Decision:
    return Decision(version.verdict, version.decision_digest, version.decision_key, problem=problem)


def _decision(registry: Registry, version: ModelVersion, releases: Path) -> Decision:
    """The decision behind a version, verified; also one that cannot be proven any more is told."""
    try:
        digest = require_recorded(version)
        signed = _signed(registry, version, releases)
        waivers = _waivers(signed.record)
        found = Decision(signed.record.verdict.value, signed.record.digest, signed.signature.key_id, waivers)
    except EnvironmentProblem:
        raise
    except WeighbridgeError as error:
        return _none(version, error.found)
    try:
        signed.require_authentic(digest)
    except UserError as error:
        return replace(found, problem=error.found)
    return found


def _signed(registry: Registry, version: ModelVersion, releases: Path) -> SignedRecord:
    local = releases / str(version.release_id)
    try:
        signed = SignedRecord.read(local)
        if signed.record.digest == version.decision_digest:
            return signed
    except UserError:
        pass  # another machine decided, or the folder was cleaned: the registry has it
    with tempfile.TemporaryDirectory() as folder:
        return fetch_record(registry, version, Path(folder))


def _waivers(record: DecisionRecord) -> tuple[dict[str, str], ...]:
    """Every exception that a check of the record was granted, once."""
    found = [check["waiver"] for check in record.content["checks"] if check["waiver"]]
    return tuple({(waiver["check"], waiver["owner"], waiver["until"]): waiver for waiver in found}.values())
