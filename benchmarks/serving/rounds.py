"""Everything in rounds: each contestant once in each, so that noise of the machine hits all alike."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.serving.bundle import Served
from benchmarks.serving.contestants import BARE, OURS, UNLOGGED
from benchmarks.serving.load import Round, pace, saturate
from benchmarks.serving.results import Row
from benchmarks.serving.servers import Contestant, NotServed, Server, serving

Say = Callable[[str], None]
Key = TypeVar("Key")
# What a load leaves unanswered is answered before the server is held still: it may learn from how long answers take.
_SETTLE_S = 1.0


@dataclass(frozen=True)
class Plan:
    """How long: rounds and seconds of each; clients: of the closed loads; starts: of those that are timed.

    paced: rounds and seconds of the open loads, more and longer: their p99 is told, and a machine's hiccups make it.
    """

    rounds: int = 5
    seconds: float = 3.0
    paced: tuple[int, float] = (20, 6.0)
    clients: tuple[int, ...] = (1, 32)
    warm_up_s: float = 2.0
    starts: int = 3

    @classmethod
    def short(cls) -> "Plan":
        """Just enough to see that everything answers."""
        return cls(rounds=1, seconds=1.0, paced=(1, 1.0), clients=(4,), warm_up_s=1.0, starts=0)


def measure_all(asked: Sequence[Contestant], served: Served, plan: Plan, folder: Path, say: Say) -> list[Row]:
    """Rows under closed loads, then under open ones at half of what saturates; a row that has none says why."""
    with ExitStack() as stack:
        running, rows = _start(asked, served, folder, stack, say)
        for clients in plan.clients:
            say(f"{clients} client(s)")
            rows += _saturated(running, served, clients, plan, folder)
        rows += _at_half(running, rows, served, plan, say)
    return rows


def log_rows(
    known: Mapping[str, Contestant], served: Served, plan: Plan, folder: Path, say: Say
) -> tuple[Row, ...]:
    """Ours with and without its request log, in turn, in many rounds: the cost is smaller than the noise of one."""
    found: list[Row] = []
    with ExitStack() as stack:
        running = [stack.enter_context(serving(known[name], folder)) for name in (OURS, UNLOGGED)]
        for clients in plan.clients:
            say(f"{clients} client(s), {plan.rounds} pairs of rounds")
            found += _saturated(running, served, clients, plan, folder)
    return tuple(found)


def _saturated(
    running: Sequence[Server], served: Served, clients: int, plan: Plan, folder: Path
) -> list[Row]:
    """Closed loads, from few clients to many, each after a time under the same.

    What a server learns from many (as BentoML does how long to wait for others) makes it slow for one.
    """
    for server in running:
        with _alone(server, running):
            saturate(server, served.record, clients, plan.warm_up_s, folder)

    def ask(server: Server) -> Round:
        return saturate(server, served.record, clients, plan.seconds, folder)

    found = _in_rounds({server.name: (server, ask) for server in running}, running, plan.rounds)
    return [Row(name, rounds, clients=clients) for name, rounds in found.items()]


def _start(
    asked: Sequence[Contestant], served: Served, folder: Path, stack: ExitStack, say: Say
) -> tuple[list[Server], list[Row]]:
    """Those that answer as the model does, and the rows of the others."""
    running, rows = [], []
    for contestant in asked:
        say(f"start {contestant.name}")
        own = stack.enter_context(ExitStack())
        try:
            server = own.enter_context(serving(contestant, folder))
            server.require_score(served.record, served.score)
        except NotServed as error:
            own.close()
            rows.append(Row(contestant.name, problem=str(error)))
        else:
            running.append(server)
    return running, rows


def _at_half(
    running: Sequence[Server], rows: Sequence[Row], served: Served, plan: Plan, say: Say
) -> list[Row]:
    """Ours and the bare route at half of what saturates the bare route, and ours at half of its own."""
    most = {server.name: max(row.per_second for row in rows if row.name == server.name) for server in running}
    servers = {server.name: server for server in running}
    loads = [(OURS, BARE), (BARE, BARE), (OURS, OURS)]
    loads = [(name, of) for name, of in loads if name in servers and of in servers and most[of] > 0]
    rounds, seconds = plan.paced
    tasks = {}
    for name, of in loads:
        rate = most[of] / 2
        say(f"{name} at {rate:.0f}/s")

        def ask(server: Server, rate: float = rate) -> Round:
            return pace(server, served.record, rate, seconds)

        tasks[name, of] = (servers[name], ask)
    found = _in_rounds(tasks, running, rounds)
    return [Row(name, each, rate=most[of] / 2, share_of=of) for (name, of), each in found.items()]


def _in_rounds(
    tasks: Mapping[Key, tuple[Server, Callable[[Server], Round]]], running: Sequence[Server], rounds: int
) -> dict[Key, tuple[Round, ...]]:
    """Every task once a round, in turn from the front and from the back; only the server that is asked runs."""
    found: dict[Key, list[Round]] = {key: [] for key in tasks}
    for number in range(rounds):
        for key in list(tasks)[:: 1 if number % 2 == 0 else -1]:
            server, ask = tasks[key]
            with _alone(server, running):
                found[key].append(ask(server))
    return {key: tuple(each) for key, each in found.items()}


@contextmanager
def _alone(server: Server, running: Sequence[Server]) -> Iterator[None]:
    with ExitStack() as still:
        for other in running:
            if other is not server:
                still.enter_context(other.still())
        yield
        time.sleep(_SETTLE_S)


def ready_after(asked: Sequence[Contestant], folder: Path, starts: int, say: Say) -> dict[str, list[float]]:
    """Seconds from a start to the first answer, with nothing else running; contestants in turn."""
    found: dict[str, list[float]] = {}
    for _ in range(starts):
        for contestant in asked:
            say(f"start {contestant.name}")
            with serving(contestant, folder) as server:
                found.setdefault(contestant.name, []).append(server.ready_s)
    return found
