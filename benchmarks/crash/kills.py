"""Servers started as production starts them, killed at random moments, and started again on the same log."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.crash.clients import Acknowledged, Clients, Kill, Kind
from benchmarks.crash.judge import BOUND_S, Cost, Turn, Victim, cost, missing, twice
from benchmarks.crash.readers import Unreadable, read_ids
from benchmarks.serving.servers import Contestant, Server, serving
from mlops.rollout.targets.local import SERVER
from mlops.serving.log.config import Durability
from monitoring.store.writers import read_states

CLIENTS = 8
# Of five kills three hit a server of one process, and the first three are of all kinds.
_VICTIMS = (Victim.SERVER, Victim.ALL, Victim.ONE, Victim.SERVER, Victim.SERVER)
_GO_ON_S = {Victim.SERVER: 0.1, Victim.ALL: 0.1, Victim.ONE: 1.0}
_REPLAYED_WITHIN_S = 30.0
_STARTED_WITHIN_S = 60.0
_ASK_EVERY_S = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """So many kills of servers of a bundle with a durability, each between so many seconds after the first answer.

    bound_s: what `batch` may lose; a machine that is busy with other things needs more than what is promised.
    """

    bundle: Path
    record: Mapping[str, Any]
    durability: Durability
    kills: int
    seed: int
    between_s: tuple[float, float] = (0.2, 3.0)
    bound_s: float = BOUND_S


@dataclass(frozen=True)
class _Killed:
    """A turn whose cost is not known before the next server has run."""

    name: str
    victim: Victim
    kill: Kill
    acknowledged: Sequence[Acknowledged]
    failed: int
    unreadable: tuple[str, ...]


def kill_often(plan: Plan, folder: Path, say: Say = lambda _: None) -> list[Turn]:
    """Do what is planned on one log, in a folder of its own; returns a turn a kill.

    After each kill both readers look at the tables as they lie there, then the next server runs; after the last one
    only where a journal waits for it.
    """
    log = folder / "log"
    pick = random.Random(plan.seed)
    turns: list[tuple[_Killed, Cost]] = []
    before: _Killed | None = None

    def settle(killed: _Killed) -> None:
        turns.append((killed, _cost(plan, killed, log)))
        say(_told(plan, *turns[-1]))

    for number in range(plan.kills):
        victim = _VICTIMS[number % len(_VICTIMS)]
        processes = 1 if victim is Victim.SERVER else 2
        with serving(_contestant(plan, log, processes), folder) as server:
            if before is not None:
                settle(before)
            _wait_for(processes, server, log)
            killed = _kill(plan, str(number), victim, server, pick)
        # One of two processes was killed: the rest has ended in order by now.
        before = replace(killed, unreadable=_unreadable(log))
    if before is not None:
        with (
            nullcontext()
            if plan.durability is Durability.BATCH
            else serving(_contestant(plan, log, 1), folder)
        ):
            settle(before)
    return _concluded(plan, turns, log)


def _concluded(plan: Plan, turns: Sequence[tuple[_Killed, Cost]], log: Path) -> list[Turn]:
    """The turns, with what the tables hold twice when everything is over."""
    unreadable = _unreadable(log)
    ids = [] if unreadable else [read_ids(log, kind) for kind in Kind]
    found = []
    for each, spent in turns:
        doubled = sum(twice(known, each.name) for known in ids)
        troubles = (*each.unreadable, *unreadable)
        found.append(Turn(plan.durability, each.victim, spent, doubled, troubles, each.failed))
    return found


def _contestant(plan: Plan, log: Path, processes: int) -> Contestant:
    serve = json.dumps({"workers": processes, "log": {"durability": plan.durability}})
    place = ("--host", "127.0.0.1", "--port", "PORT", "--log-dir", str(log))
    command = (*SERVER, str(plan.bundle), *place, "--serve", serve)
    return Contestant("server", command, "/v1/predict", "/health/ready", lambda _: 0.0)


def _wait_for(processes: int, server: Server, log: Path) -> None:
    """Until every process that answers has told how its writer is."""
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while True:
        own = {each.pid for each in (server.family()[1:] if processes > 1 else server.family())}
        if len(own) >= processes and own <= {each.pid for each in read_states(log)}:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {processes} processes started")
        time.sleep(_ASK_EVERY_S)


def _kill(plan: Plan, name: str, victim: Victim, server: Server, pick: random.Random) -> _Killed:
    family = server.family()
    doomed = [pick.choice(family[1:])] if victim is Victim.ONE else family
    after_s = pick.uniform(*plan.between_s)
    seed = pick.getrandbits(32)

    async def load() -> tuple[Clients, Kill]:
        clients = Clients(server.url, plan.record, count=CLIENTS, name=name, seed=seed)
        kill = partial(_end, doomed)
        return clients, await clients.until_killed(kill, after_s=after_s, go_on_s=_GO_ON_S[victim])

    clients, kill = asyncio.run(load())
    psutil.wait_procs(doomed, timeout=10)
    return _Killed(name, victim, kill, clients.acknowledged, clients.failed, ())


def _end(doomed: Sequence[psutil.Process]) -> None:
    for each in doomed:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGKILL)


def _cost(plan: Plan, killed: _Killed, log: Path) -> Cost:
    """What a kill cost after the next server has started; what a journal holds comes within a while."""
    deadline = time.monotonic() + _REPLAYED_WITHIN_S
    while True:
        stored = {}
        with suppress(Unreadable):
            stored = {kind: frozenset(read_ids(log, kind)) for kind in Kind}
        late = time.monotonic() > deadline or plan.durability is Durability.BATCH
        if late or not missing(killed.acknowledged, stored):
            return cost(plan.durability, killed.kill, killed.acknowledged, stored, bound_s=plan.bound_s)
        time.sleep(_ASK_EVERY_S)


def _unreadable(log: Path) -> tuple[str, ...]:
    found = []
    for kind in Kind:
        try:
            read_ids(log, kind)
        except Unreadable as error:
            found.append(str(error))
    return tuple(found)


def _told(plan: Plan, killed: _Killed, spent: Cost) -> str:
    oldest = "" if spent.worst_age_s is None else f", the oldest {spent.worst_age_s:.2f} s before the kill"
    return (
        f"{plan.durability} {killed.name}, {killed.victim.name.lower()}: {spent.acknowledged} acknowledged, "
        f"{spent.missing} missing{oldest}"
    )
