"""Clients that ask without a pause and remember which of their records a server acknowledged, and when."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops.load.wire import Connection, NoAnswer, Target

# Rows in a request, drawn each time.
_ROWS = (1, 1, 1, 5)
_CONNECT_AGAIN_S = 0.01
_GOOD = 200


class Kind(StrEnum):
    """What a record is; the value is the name of its table."""

    REQUEST = "requests"
    LABEL = "labels"


@dataclass(frozen=True)
class Acknowledged:
    """A record that was answered with 200: when its request was sent, and when the answer came (time.monotonic)."""

    kind: Kind
    id: str
    sent: float
    came: float


@dataclass(frozen=True)
class Kill:
    """The moments just before and just after SIGKILL was sent (time.monotonic)."""

    began: float
    ended: float


class Clients:
    """So many connections, each with a request on its way at any time: rows to predict, then the truth about them.

    name: begins every id. `failed` counts answers other than 200.
    """

    def __init__(self, url: str, record: Mapping[str, Any], *, count: int, name: str, seed: int) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.failed = 0
        self._target = Target.of(url)
        self._record = dict(record)
        self._count = count
        self._name = name
        self._pick = random.Random(seed)
        self._begun = asyncio.Event()
        self._over = False

    async def until_killed(self, kill: Callable[[], None], *, after_s: float, go_on_s: float) -> Kill:
        """Ask, kill so long after the first answer, and go on for a while with what is left of the server.

        One thread does both: nothing is sent between the two moments of the kill.
        """
        asking = [asyncio.create_task(self._ask(number)) for number in range(self._count)]
        await self._begun.wait()
        await asyncio.sleep(after_s)
        began = time.monotonic()
        kill()
        killed = Kill(began, time.monotonic())
        await asyncio.sleep(go_on_s)
        self._over = True
        await asyncio.gather(*asking)
        return killed

    async def _ask(self, client: int) -> None:
        connection: Connection | None = None
        asked = 0
        while not self._over:
            try:
                if connection is None or not connection.open:
                    connection = await Connection.to(self._target)
                ids = [f"{self._name}-{client}-{asked}-{row}" for row in range(self._pick.choice(_ROWS))]
                asked += 1
                rows = {"records": [self._record] * len(ids), "ids": ids}
                if await self._send(connection, Kind.REQUEST, "/v1/predict", rows, ids):
                    truth = {"labels": [{"id": each, "label": 1} for each in ids]}
                    await self._send(connection, Kind.LABEL, "/v1/feedback", truth, ids)
            except NoAnswer:
                # Nobody listens, or whoever did is gone.
                await asyncio.sleep(_CONNECT_AGAIN_S)
        if connection is not None:
            connection.abort()

    async def _send(
        self, connection: Connection, kind: Kind, route: str, body: Mapping[str, Any], ids: list[str]
    ) -> bool:
        request = self._target.post(route, json.dumps(body).encode())
        sent = time.monotonic()
        status = await connection.ask(request)
        came = time.monotonic()
        if status != _GOOD:
            self.failed += 1
            return False
        self.acknowledged += [Acknowledged(kind, each, sent, came) for each in ids]
        self._begun.set()
        return True
