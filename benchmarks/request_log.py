"""What the request log costs a request, and how fast it can promise to forget nothing.

Beside each figure stands what nobody could do without: a dict appended to a list, an fsync of this disk.
"""

import asyncio
import os
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from mlops.serving.log.config import Durability, LogConfig, Redaction
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import RequestRecord
from monitoring.store.delta import DeltaRequestLog

_INPUTS = {f"feature_{number}": number * 1.5 for number in range(20)} | {"name": "Ada Lovelace"}
_WRITERS = (1, 32)
_LOAD_S = 3.0
_PER_SECOND = 500


def main() -> None:
    """Measure on this machine's disk, in a folder that is removed."""
    print("request log: records of 21 inputs, one a request")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        in_memory(folder / "memory")
        redacted(folder / "redacted")
        waiting(folder / "waiting")
        merging(folder / "merging")
        fsync_ms = fsync(folder)
        print(f"  one fsync of 1 KiB: {fsync_ms:.2f} ms, {1000 / fsync_ms:.0f}/s")
        for writers in _WRITERS:
            journal(folder / f"journal-{writers}", writers)


def record(number: int) -> RequestRecord:
    """A record as the handler makes it."""
    return RequestRecord(
        f"r{number}", datetime.now(UTC), "lending", "3", "r", 1.5, 1, 0.5, _INPUTS, ("range",), "shop"
    )


def in_memory(folder: Path, *, rounds: int = 20, count: int = 1000) -> None:
    """The cost of handing over, with the writer's thread at work."""
    writer = RequestLogWriter(DeltaRequestLog(folder), folder=folder)
    writer.start()
    rows = [[record(number)] for number in range(count)]
    offered: list[float] = []
    awaited: list[float] = []
    listed: list[float] = []

    async def await_all() -> None:
        for row in rows:
            await writer.record(row)

    for _ in range(rounds):
        kept: list[dict[str, object]] = []
        offered.append(_us(lambda: [writer.offer(row) for row in rows], count))
        began = time.perf_counter()
        asyncio.run(await_all())
        awaited.append((time.perf_counter() - began) / count * 1e6)
        listed.append(
            _us(lambda kept=kept: [kept.append({"id": "r", "inputs": _INPUTS}) for _ in rows], count)
        )  # type: ignore[misc]
        while writer.state().waiting > count:
            time.sleep(0.01)
    writer.close()
    made = _us(lambda: [record(number) for number in range(count)], count)
    print(
        f"  batch: offer {min(offered):.2f} us a record, await record {min(awaited):.2f} us, "
        f"a dict appended to a list {min(listed):.2f} us; making the record {made:.2f} us"
    )


def redacted(folder: Path, count: int = 5000) -> None:
    """What redaction costs, off the request path."""
    from mlops.serving.log.privacy import Privacy

    rows = [record(number) for number in range(count)]
    privacy = Privacy({"name": Redaction.HASH, "feature_1": Redaction.DROP}, b"k" * 32)
    print(f"  redaction of two fields, one hashed: {_us(lambda: privacy.clean(rows), count):.2f} us a record")
    log = DeltaRequestLog(folder)
    log.append(rows[:1])
    each = _us(lambda: [log.append(rows[start : start + 1000]) for start in range(0, count, 1000)], count)
    print(f"  into the table, a thousand at a time: {each:.1f} us a record")


def waiting(folder: Path) -> None:
    """How long records are only in memory at a steady load: what a kill would cost."""
    writer = RequestLogWriter(DeltaRequestLog(folder), folder=folder)
    writer.start()
    oldest: list[float] = []
    end = time.perf_counter() + _LOAD_S
    number = 0
    while time.perf_counter() < end:
        writer.offer([record(number)])
        number += 1
        oldest.append(writer.state().lag_s)
        time.sleep(1 / _PER_SECOND)
    writer.close()
    rest = sorted(oldest[len(oldest) // 4 :])
    print(
        f"  batch at {number / _LOAD_S:.0f} records/s: the oldest record in memory is at most {rest[-1]:.2f} s old, "
        f"median {rest[len(rest) // 2]:.2f} s"
    )


def merging(folder: Path) -> None:
    """The longest that one batch keeps the next one waiting: a merge of 200 files."""
    log = DeltaRequestLog(folder)
    rows = [record(number) for number in range(250)]
    for _ in range(199):
        log.append(rows)
    began = time.perf_counter()
    log.append(rows)
    print(f"  the append that merges 200 files of 250 records: {time.perf_counter() - began:.2f} s")


def fsync(folder: Path, times: int = 200) -> float:
    """Milliseconds of an append of 1 KiB that is on disk."""
    with (folder / "probe").open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(times):
            file.write(b"x" * 1024)
            os.fsync(file.fileno())
        return (time.perf_counter() - began) / times * 1000


def journal(folder: Path, writers: int) -> None:
    """Records a second that are on disk before their caller goes on."""
    config = LogConfig(durability=Durability.JOURNAL)
    writer = RequestLogWriter(DeltaRequestLog(folder), config, folder=folder, queue_records=100_000)
    writer.start()
    took: list[float] = []

    async def caller(end: float) -> None:
        while (began := time.perf_counter()) < end:
            await writer.record([record(len(took))])
            took.append(time.perf_counter() - began)

    async def load() -> None:
        end = time.perf_counter() + _LOAD_S
        await asyncio.gather(*(caller(end) for _ in range(writers)))

    asyncio.run(load())
    at_end = writer.state().waiting
    before = threading.active_count()
    writer.close()
    took.sort()
    print(
        f"  journal, {writers:>2} writers: {len(took) / _LOAD_S:.0f} records/s, "
        f"p50 {took[len(took) // 2] * 1000:.1f} ms, p99 {took[int(len(took) * 0.99)] * 1000:.1f} ms; "
        f"{at_end} not in the table yet, {before - 1} threads"
    )


def _us(work: object, count: int) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return (time.perf_counter() - began) / count * 1e6


if __name__ == "__main__":
    main()
