"""Load on a server: as much as it takes, by wrk where there is one, or at a fixed rate."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.servers import Server
from mlops.load.measure import Load, Measured, measure
from mlops.load.wire import Target

# Of an open load: enough that none of the planned requests finds every client waiting.
CLIENTS_AT_A_RATE = 64


@dataclass(frozen=True)
class Round:
    """What one round measured: answers with 2xx a second, their latencies, and how many requests got none.

    late: planned requests that were not sent, as every client still waited; latencies are too good by them.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    late: int = 0


def generator() -> str:
    """Who asks, as the table says it."""
    return "wrk" if shutil.which("wrk") else "weighbridge load"


def saturate(server: Server, record: Mapping[str, Any], clients: int, seconds: float, scratch: Path) -> Round:
    """The load of clients that ask again as soon as they are answered."""
    if shutil.which("wrk"):
        return _by_wrk(server, record, clients, seconds, scratch)
    return _round(_by_engine(server, record, Load(clients, seconds)))


def pace(server: Server, record: Mapping[str, Any], rate: float, seconds: float) -> Round:
    """The load of requests at planned times, from which their latencies run."""
    return _round(_by_engine(server, record, Load(CLIENTS_AT_A_RATE, seconds, rate)))


def _by_engine(server: Server, record: Mapping[str, Any], load: Load) -> Measured:
    contestant, target = server.contestant, Target.of(server.url)
    return measure(target, target.post(contestant.route, contestant.content(record), contestant.key), load)


def _round(found: Measured) -> Round:
    failed = sum(found.failed.values())
    return Round(found.per_second, found.p_ms.get(50, 0.0), found.p_ms.get(99, 0.0), failed, found.unsent)


def _by_wrk(server: Server, record: Mapping[str, Any], clients: int, seconds: float, scratch: Path) -> Round:
    script = scratch / "request.lua"
    script.write_text(_script(server, record))
    # wrk counts in whole seconds; it stops up to a tenth later.
    duration = f"{max(1, round(seconds))}s"
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{duration}", "--timeout", "30s", "-s", str(script), server.url],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, took_us, failed, p50_us, p99_us = (float(word) for word in line.split()[1:])
    return Round((requests - failed) / took_us * 1e6, p50_us / 1000, p99_us / 1000, int(failed))


def _script(server: Server, record: Mapping[str, Any]) -> str:
    contestant = server.contestant
    headers = {"content-type": "application/json"}
    if contestant.key is not None:
        headers["authorization"] = f"Bearer {contestant.key}"
    lines = [f"wrk.method, wrk.path = 'POST', '{contestant.route}'"]
    lines += [f"wrk.headers['{name}'] = '{value}'" for name, value in headers.items()]
    lines += [f"wrk.body = {json.dumps(contestant.content(record).decode())}", _DONE]
    return "\n".join(lines)


_DONE = """done = function(summary, latency, requests)
  local bad = summary.errors
  io.write(string.format('RESULT %d %d %d %d %d\\n', summary.requests, summary.duration,
    bad.connect + bad.read + bad.write + bad.timeout + bad.status,
    latency:percentile(50), latency:percentile(99)))
end
"""
