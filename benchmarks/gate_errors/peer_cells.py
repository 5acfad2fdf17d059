"""Which cells are also put to other gates, and the program that asks them."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.gate_errors.accuracy import FEW, G1, G2
from benchmarks.gate_errors.jobs import Design
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES
from benchmarks.gate_errors.top_up import G5, LOOKS
from benchmarks.gate_errors.units import G7, SIZES, SPREAD, TOLERANCE, name

ROOT = Path(__file__).resolve().parents[2]
# What `make peers` sets up.
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
STATGATE = "statgate 0.1.1"
EVALSIG = "evalsig 0.1.2"
_GATES = {"statgate": STATGATE, "statgate sequential": f"{STATGATE}, sequential", "evalsig": EVALSIG}
OTHER_GATES = frozenset(_GATES.values())


@dataclass(frozen=True)
class Asked:
    """One cell put to one gate; `world` is what its data follow from."""

    design: Design
    cell: str
    gate: str
    runs: int
    world: dict[str, Any]

    def line(self) -> str:
        """The cell as the other program reads it."""
        number = self.design.number_of(self.cell)
        of = self.design.cells[number - self.design.number].runs
        return json.dumps({"gate": self.gate, "number": number, "of": of, "runs": self.runs, **self.world})


def cells(designs: Sequence[str]) -> list[Asked]:
    """What is put to other gates, with fewer runs than to ours: they take up to a thousand times as long."""
    return [each for each in _cells() if each.design.id in designs]


def _cells() -> Iterator[Asked]:
    for n, shown, gate in product((200, 500, 2000, 10_000), ("0", "-t", "-2t"), ("statgate", "evalsig")):
        runs = {200: 400, 500: 400, 2000: 200}.get(n, 50 if gate == "statgate" else 200)
        world = {"world": "accuracy", "n": n, "psi": 0.08, "d": DIFFERENCES[shown] * 0.01, "tolerance": 0.01}
        yield Asked(G1, f"psi 8%, n {n}, d = {shown}", gate, runs, world)
    for n, (psi, tolerance), gate in product((50, 100, 200, 500), FEW, ("statgate", "evalsig")):
        world = {"world": "accuracy", "n": n, "psi": psi, "d": -tolerance, "tolerance": tolerance}
        yield Asked(G2, f"n {n}, differing {psi:.0%}, t {tolerance:g}", gate, 400, world)
    for cell in (place.name for place in G5.cells):
        d = DIFFERENCES[cell.rpartition(" ")[2]] * 0.01
        world = {"world": "looks", "looks": LOOKS, "psi": 0.08, "d": d, "tolerance": 0.01}
        yield Asked(G5, cell, "statgate sequential", 100, world)
    for (units, each), shown in product(SIZES, ("0", "-t", "-2t")):
        d = DIFFERENCES[shown] * TOLERANCE
        world = {
            "world": "prompts",
            "n": units,
            "each": each,
            "d": d,
            "spread": SPREAD,
            "tolerance": TOLERANCE,
        }
        yield Asked(G7, name(units, each, shown), "statgate", 200, world)


def ask(asked: Sequence[Asked], python: Path, *, processes: int) -> list[Row]:
    """Put all cells to their gates, some at a time, each in a process of that environment."""
    with ThreadPoolExecutor(processes) as pool:
        return [row for rows in pool.map(lambda each: _ask(each, python), asked) for row in rows]


def _ask(asked: Asked, python: Path) -> list[Row]:
    done = subprocess.run(
        [str(python), "-m", "benchmarks.gate_errors.peers"],
        input=asked.line(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{asked.gate} on {asked.cell}: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    cell = Cell(asked.design.id, asked.cell, asked.runs)
    rows = [cell.share(_GATES[asked.gate], event, answer[event]) for event in ("pass", "fail")]
    return [replace(row, cpu_s=answer["cpu_s"]) for row in rows]
