"""What a run measured, every round of it, and where."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.serving.contestants import BARE, OURS, UNLOGGED
from benchmarks.serving.load import Round, generator

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Row:
    """One contestant under one load, round by round; problem: why there are no rounds.

    clients: of a closed load. rate, share_of: of an open one, its requests a second and whose half they are.
    """

    name: str
    rounds: tuple[Round, ...] = ()
    clients: int | None = None
    rate: float | None = None
    share_of: str | None = None
    problem: str | None = None

    @property
    def per_second(self) -> float:
        """Answers a second, the median of the rounds."""
        return median(each.per_second for each in self.rounds)

    @property
    def p50_ms(self) -> float:
        """Milliseconds that half of the answers take at most, the median of the rounds."""
        return median(each.p50_ms for each in self.rounds)

    @property
    def p99_ms(self) -> float:
        """Milliseconds that 99 % of the answers take at most, the median of the rounds."""
        return median(each.p99_ms for each in self.rounds)

    @property
    def failed(self) -> int:
        """Requests of all rounds that got no answer with 2xx."""
        return sum(each.failed for each in self.rounds)

    @property
    def late(self) -> int:
        """Planned requests of all rounds that were not sent in time."""
        return sum(each.late for each in self.rounds)

    def times(self, other: "Row") -> tuple[float, float, float]:
        """Answers a second as a multiple of another's in the same round: the median, the least and the most.

        >>> fast, slow = (Row("", tuple(Round(n * k, 1, 1, 0) for n in (10, 20, 40))) for k in (3, 1))
        >>> fast.times(slow)
        (3.0, 3.0, 3.0)
        """
        pairs = zip(self.rounds, other.rounds, strict=True)
        ratios = [mine.per_second / theirs.per_second for mine, theirs in pairs if theirs.per_second]
        return (median(ratios), min(ratios), max(ratios)) if ratios else (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Ratio:
    """A ratio of figures measured in pairs, with the limits of a 95 % interval over the pairs."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, mine: Sequence[float], others: Sequence[float]) -> "Ratio | None":
        """The geometric mean of the pairs' ratios; None for fewer than three pairs.

        >>> found = Ratio.of([90, 180, 360], [100, 200, 400])
        >>> round(found.value, 3), round(found.less.value, 3)
        (0.9, 0.1)
        """
        from scipy import stats

        if len(mine) < 3:
            return None
        logs = [math.log(a / b) for a, b in zip(mine, others, strict=True)]
        half = stats.t.ppf(0.975, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
        low, middle, high = (math.exp(fmean(logs) + side * half) for side in (-1, 0, 1))
        return cls(middle, low, high)

    @property
    def less(self) -> "Ratio":
        """By which share the first is less than the other."""
        return Ratio(1 - self.value, 1 - self.high, 1 - self.low)


@dataclass(frozen=True)
class Soak:
    """Memory of a server under a steady load: MiB at seconds since the beginning; failed and late as in a Round."""

    minutes: float
    rate: float
    answered: int
    failed: int
    at_s: tuple[float, ...]
    mib: tuple[float, ...]
    late: int = 0


@dataclass(frozen=True)
class Results:
    """One run, or of some runs the newest of each part; `runs` says when, where and how each was made."""

    runs: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...] = ()
    ready_s: Mapping[str, Sequence[float]] = field(default_factory=dict)
    soak: Soak | None = None
    log: tuple[Row, ...] = ()

    def row(self, name: str, *, clients: int | None = None, half_of: str | None = None) -> Row | None:
        """A contestant's row under a load, None where it has no figures."""
        for row in self.rows:
            if (row.name, row.clients, row.share_of) == (name, clients, half_of) and row.rounds:
                return row
        return None

    def updated(self, other: "Results") -> "Results":
        """These, with what another run measured in the place of what they knew of it."""
        return Results(
            {**self.runs, **other.runs},
            other.rows or self.rows,
            other.ready_s or self.ready_s,
            other.soak or self.soak,
            other.log or self.log,
        )

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `write` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        rows, log = (
            tuple(Row(**{**row, "rounds": _rounds(row.get("rounds", ()))}) for row in found.get(part, ()))
            for part in ("rows", "log")
        )
        soak = found["soak"] and Soak(
            **{**found["soak"], "at_s": tuple(found["soak"]["at_s"]), "mib": tuple(found["soak"]["mib"])}
        )
        return cls(found["runs"], rows, found["ready_s"], soak, log)

    def write(self, path: Path) -> None:
        """A row a line, so that a difference can be read."""
        rows, log = (
            ",\n".join(json.dumps(_shown(row), allow_nan=False) for row in part)
            for part in (self.rows, self.log)
        )
        head = json.dumps(dict(self.runs), indent=1)
        ready = json.dumps({name: [round(s, 3) for s in found] for name, found in self.ready_s.items()})
        soak = json.dumps(asdict(self.soak) if self.soak else None, allow_nan=False)
        text = f'{{"runs": {head},\n"rows": [\n{rows}\n],\n"ready_s": {ready},\n"log": [\n{log}\n],\n"soak": {soak}}}\n'
        path.write_text(text, encoding="utf-8")

    def log_costs(self, clients: int) -> Ratio | None:
        """By which share the request log makes answers fewer, None where too few rounds can tell."""
        kept, without = (
            next((row.rounds for row in self.log if (row.name, row.clients) == (name, clients)), ())
            for name in (OURS, UNLOGGED)
        )
        found = Ratio.of([each.per_second for each in kept], [each.per_second for each in without])
        return found and found.less

    def tail(self) -> Ratio | None:
        """Our p99 over that of the bare route, both at half of what the bare route takes; None as above."""
        mine, bare = self.row(OURS, half_of=BARE), self.row(BARE, half_of=BARE)
        if mine is None or bare is None:
            return None
        return Ratio.of([each.p99_ms for each in mine.rounds], [each.p99_ms for each in bare.rounds])

    def in_order(self, names: Sequence[str]) -> "Results":
        """By load, the contestants of a load in the order of names."""
        loads = list(dict.fromkeys((row.clients, row.share_of) for row in self.rows))
        place = {name: index for index, name in enumerate(names)}
        rows = sorted(self.rows, key=lambda row: (loads.index((row.clients, row.share_of)), place[row.name]))
        return replace(self, rows=tuple(rows))


def told(**how: Any) -> dict[str, Any]:
    """When, on what and how: how many cores, and how busy they were in the last minute."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "weighbridge": version("weighbridge"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_average": round(os.getloadavg()[0], 2),
        "generator": generator(),
        **how,
    }


def _shown(row: Row) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(row).items() if value is not None and name != "rounds"}
    rounds = [[float(f"{value:.5g}") for value in asdict(each).values()] for each in row.rounds]
    return {**shown, "rounds": rounds}


def _rounds(found: Sequence[Sequence[float]]) -> tuple[Round, ...]:
    return tuple(Round(*each[:3], *map(int, each[3:])) for each in found)
