"""What there is to run: one job a cell, each with its own seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.gate_errors.rates import Row

Measured = Callable[[int, int], list[Row]]


class Place(NamedTuple):
    """A cell of a design: its runs, those of a short check (0 for none), and what measures it."""

    name: str
    runs: int
    short: int
    measure: Measured


@dataclass(frozen=True)
class Job:
    """One cell to run: `measure` takes its number, from which its seed follows, and how many runs. Picklable."""

    design: str
    name: str
    number: int
    runs: int
    measure: Measured


@dataclass(frozen=True)
class Design:
    """A design with its cells in a fixed order, so that every cell keeps its number and seed.

    number: of the first cell.
    """

    id: str
    title: str
    number: int
    cells: Sequence[Place]

    def number_of(self, name: str) -> int:
        """The number of a cell."""
        return self.number + [cell.name for cell in self.cells].index(name)

    def jobs(self, *, short: bool) -> list[Job]:
        """All cells, or those that a short check is about: where an error rate is stated and can be reached."""
        return [
            Job(self.id, cell.name, self.number + index, cell.short if short else cell.runs, cell.measure)
            for index, cell in enumerate(self.cells)
            if cell.short or not short
        ]
