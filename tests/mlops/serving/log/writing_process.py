"""A process that records as fast as it may, and says after each acknowledgement which record it was.

python writing_process.py FOLDER DURABILITY NAME CALLERS: one line `id` an acknowledged record, until it is killed.
"""

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mlops.serving.log.config import Durability, LogConfig
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog


async def load(writer: RequestLogWriter, name: str, callers: int) -> None:
    numbers = itertools.count()

    async def caller() -> None:
        while True:
            number = next(numbers)
            at = datetime.now(UTC)
            key = f"{name}-{number}"
            await writer.record([RequestRecord(key, at, "m", "1", "r", 1.0, 1, 0.5, {"age": number})])
            await writer.record_labels([LabelRecord(key, at, number % 2)])
            os.write(1, f"{key}\n".encode())
            # A server does something else too; without this, memory fills at 50,000 records a second.
            await asyncio.sleep(0.002)

    await asyncio.gather(*(caller() for _ in range(callers)))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    config = LogConfig(durability=Durability(sys.argv[2]))
    writer = RequestLogWriter(DeltaRequestLog(folder), config, folder=folder)
    writer.start()
    asyncio.run(load(writer, sys.argv[3], int(sys.argv[4])))
