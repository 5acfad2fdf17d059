"""What the endpoint is to reach, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.serving.contestants import BARE, MLFLOW, OURS, PEERS
from benchmarks.serving.results import Results, Row

ONE, MANY = 1, 32
AT_ONE, AT_MANY, OF_MLFLOW = 0.85, 4.0, 12.0
P99, LOG, READY_S = 1.25, 0.05, 3.0


@dataclass(frozen=True)
class Goal:
    """One goal; met is None where the run did not measure it."""

    text: str
    measured: str = "not measured"
    met: bool | None = None

    @property
    def shown(self) -> str:
        """Yes, no, or nothing."""
        return "" if self.met is None else "yes" if self.met else "no"


def goals(found: Results) -> list[Goal]:
    """All of them, in order."""
    return [
        _times(
            found, f"1 client: at least {AT_ONE} of the bare route's requests a second", BARE, ONE, AT_ONE
        ),
        _times(found, f"32 clients: at least {AT_MANY:g} times those of the bare route", BARE, MANY, AT_MANY),
        _times(
            found,
            f"32 clients: at least {OF_MLFLOW:g} times those of mlflow models serve",
            MLFLOW,
            MANY,
            OF_MLFLOW,
        ),
        *(_times(found, f"32 clients: more than {peer}", peer, MANY, 1.0) for peer in PEERS),
        _tail(found),
        *(_log(found, clients) for clients in (ONE, MANY)),
        _ready(found),
        _failures(found),
    ]


def _times(found: Results, text: str, other: str, clients: int, least: float) -> Goal:
    mine, theirs = found.row(OURS, clients=clients), found.row(other, clients=clients)
    if mine is None or theirs is None:
        return Goal(text)
    ratio = mine.times(theirs)[0]
    return Goal(text, f"{ratio:.2f} times", ratio > least if least == 1.0 else ratio >= least)


def _tail(found: Results) -> Goal:
    text = f"p99 at half of the bare route's saturating load: at most {P99} times that of the bare route"
    ratio = found.tail()
    if ratio is None:
        return Goal(text)
    return Goal(
        text, f"{ratio.value:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})", round(ratio.value, 9) <= P99
    )


def _log(found: Results, clients: int) -> Goal:
    text = f"{clients} client{'s' if clients > 1 else ''}: the request log costs at most {LOG:.0%} of the requests"
    cost = found.log_costs(clients)
    if cost is None:
        return Goal(text)
    told = f"{100 * cost.value:.1f} % ({100 * cost.low:.1f} to {100 * cost.high:.1f} %)"
    return Goal(text, told, cost.value <= LOG)


def _ready(found: Results) -> Goal:
    text = f"Ready in less than {READY_S:g} s"
    if not found.ready_s.get(OURS):
        return Goal(text)
    took = median(found.ready_s[OURS])
    return Goal(text, f"{took:.1f} s", took < READY_S)


def _failures(found: Results) -> Goal:
    text = "No request fails"
    mine = list(_measured(found))
    if not mine:
        return Goal(text)
    failed = sum(row.failed for row in mine)
    return Goal(text, f"{failed} failed", failed == 0)


def _measured(found: Results) -> Iterator[Row]:
    return (row for row in found.rows if row.name == OURS and row.rounds)
