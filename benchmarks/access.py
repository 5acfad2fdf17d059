"""What access control costs a request, and whether a caller over its limit slows another one.

The first part counts microseconds of the chain of middleware around an empty ASGI application. The second asks a
real server: one caller asks calmly while another floods, with and without a rate.
"""

import asyncio
import re
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops.serving.access.callers import Scope as May
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.house import LimitInFlight, SecurityHeaders, Timeout
from mlops.serving.access.keys import Key, Keyring, make_key
from mlops.serving.access.keywatch import KeyWatch
from mlops.serving.access.limits import InMemory, RateLimits, Window
from mlops.serving.access.middleware import Authenticate, LimitRate
from mlops.serving.access.reasons import Reason

REQUESTS = 20_000
ROUNDS = 5
ROUND_S = 4.0
FLOOD_S = 7.0
MODEL_S = 0.005
FLOOD = 32


class Uncounted:
    """Stands for the server's metrics."""

    def failed(self, kind: str) -> None:
        """Take note of nothing."""

    def refused(self, reason: str) -> None:
        """Take note of nothing."""


async def empty(_: Scope, receive: Receive, send: Send) -> None:
    """The least that answers."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def keys(count: int) -> tuple[list[str], KeyWatch]:
    """So many API keys that may predict."""
    made = [make_key(f"k{n}", [May.PREDICT], now=datetime.now(UTC)) for n in range(count)]
    return [text for text, _ in made], KeyWatch(Keyring(kept for _, kept in made))


def chain(app: ASGIApp, known: KeyWatch, rate: int) -> ASGIApp:
    """The application behind the whole door, in the server's order."""
    metrics: Any = Uncounted()
    windows = (Window(Reason.RATE, rate, 1), Window(Reason.QUOTA, 10**9, 86_400))
    app = Timeout(app, seconds=30, metrics=metrics)
    app = LimitInFlight(app, most=256, metrics=metrics)
    app = LimitRate(app, limits=RateLimits({w: InMemory(w) for w in windows}), metrics=metrics)
    app = Authenticate(app, authenticator=Doorkeeper(known, None), metrics=metrics)
    return SecurityHeaders(app)


async def microseconds(app: ASGIApp, key: str) -> float:
    """Of one request, the mean over many."""
    headers = [
        (b"host", b"x"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer " + key.encode()),
    ]

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(_: Message) -> None:
        return

    began = time.perf_counter()
    for _ in range(REQUESTS):
        scope = {"type": "http", "path": "/v1/predict", "headers": headers, "state": {"request_id": "r"}}
        await app(scope, receive, send)
    return (time.perf_counter() - began) / REQUESTS * 1e6


def cost() -> None:
    """Print what the door costs a request."""
    texts, known = keys(5000)
    bare, whole = [], []
    for _ in range(ROUNDS):
        bare.append(asyncio.run(microseconds(empty, texts[0])))
        whole.append(asyncio.run(microseconds(chain(empty, known, 10**9), texts[0])))
    alone, behind = statistics.median(bare), statistics.median(whole)
    print(f"an empty ASGI application, {REQUESTS} requests, median of {ROUNDS} rounds, 5,000 keys known")
    print(f"  alone {alone:.1f} us, behind the door {behind:.1f} us: {behind - alone:.1f} us a request")


async def working(_: Scope, receive: Receive, send: Send) -> None:
    """Answers after what a small model takes, in one of four threads."""
    await receive()
    await anyio.to_thread.run_sync(time.sleep, MODEL_S, limiter=_threads())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


@cache
def _threads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(4)


def serve(rate: int, seed: str) -> None:
    """Serve the door with two keys that the seed names, on a port that it prints."""
    import socket

    import uvicorn

    known = KeyWatch(Keyring(kept for _, kept in seeded(seed)))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    door = chain(working, known, rate)

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "r"}
        await door(scope, receive, send)

    config = uvicorn.Config(named, log_level="error", lifespan="off", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def seeded(seed: str) -> list[tuple[str, Key]]:
    """Two keys that two processes can make alike."""
    found = []
    for name in ("calm", "flood"):
        digits = sha256(f"{seed}{name}".encode()).hexdigest()
        text = f"wb_{digits[:12]}_{digits}"
        _, key = make_key(name, [May.PREDICT], now=datetime.now(UTC))
        found.append((text, replace(key, id=text[3:15], digest=sha256(text.encode()).digest())))
    return found


async def ask(port: int, key: str, until: float, wait_s: float) -> list[float]:
    """Milliseconds of each request over one connection, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"POST /v1/predict HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-length: 2\r\n\r\n{{}}"
    took = []
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))  # type: ignore[index]
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(wait_s)
    writer.close()
    return took


async def ask_at_once(port: int, key: str, connections: int, wait_s: float, seconds: float) -> list[float]:
    """The same over several connections."""
    until = time.perf_counter() + seconds
    each = await asyncio.gather(*(ask(port, key, until, wait_s) for _ in range(connections)))
    return [took for one in each for took in one]


def beside(rate: int, flood: bool) -> list[float]:
    """What a calm caller waits, alone or beside one with 32 connections."""
    (calm, _), (wild, _) = seeded("a")
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.access", "serve", str(rate)], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        command = [sys.executable, "-m", "benchmarks.access", "flood", str(port), wild]
        flooder = subprocess.Popen(command) if flood else None
        # The first second of a rate is its burst.
        time.sleep(1.5)
        took = asyncio.run(ask_at_once(port, calm, 1, 0.01, ROUND_S))
        if flooder is not None:
            flooder.wait()
        return took
    finally:
        server.kill()
        server.wait()


def fairness() -> None:
    """Print what a calm caller waits beside one that floods, as a ratio to what it waits alone."""
    print(
        f"a model of {MODEL_S * 1000:.0f} ms in 4 threads; a calm caller beside one with {FLOOD} connections"
    )
    alone = beside(10**6, flood=False)
    for name, rate in (("without a rate", 10**6), ("with 200/second", 200)):
        took = beside(rate, flood=True)
        for share, label in ((0.5, "p50"), (0.95, "p95")):
            own, now = quantile(alone, share), quantile(took, share)
            print(f"  {name:<16} {label}: {now:6.1f} ms, alone {own:5.1f} ms, ratio {now / own:.2f}")


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[int(share * len(values))]


def main() -> None:
    """Print both."""
    cost()
    fairness()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", rate]:
            serve(int(rate), "a")
        case ["flood", port, key]:
            asyncio.run(ask_at_once(int(port), key, FLOOD, 0.0, FLOOD_S))
        case _:
            main()
