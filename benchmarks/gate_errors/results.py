"""The committed figures of a full run, and when and with which version each design was run."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.gate_errors.peer_cells import OTHER_GATES
from benchmarks.gate_errors.rates import Row

FILE = Path(__file__).with_name("results.json")
# What `runs` calls the run of other tools' gates.
OTHERS = "other gates"


@dataclass(frozen=True)
class Results:
    """Rows, and of every design (and of the other gates) when and with which versions it was run."""

    runs: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...]

    @classmethod
    def of_run(cls, rows: Sequence[Row], what: Sequence[str]) -> "Results":
        """What has just been measured: some designs, or OTHERS."""
        told = {
            "date": datetime.now(UTC).date().isoformat(),
            "weighbridge": version("weighbridge"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        }
        return cls(dict.fromkeys(what, told), tuple(rows))

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `write` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["runs"], tuple(Row.of_json(row) for row in found["rows"]))

    def updated(self, other: "Results") -> "Results":
        """These, with what another run measured in the place of what they knew of the same rules and designs."""
        anew = {(row.design, row.rule) for row in other.rows}
        kept = [row for row in self.rows if (row.design, row.rule) not in anew]
        return Results({**self.runs, **other.runs}, (*kept, *other.rows)).in_order()

    def in_order(self) -> "Results":
        """Design by design, cell by cell, other gates last in each cell; G1 to G9 come before P1."""
        cells = list(
            dict.fromkeys((row.design, row.cell) for row in self.rows if row.rule not in OTHER_GATES)
        )
        place = {cell: index for index, cell in enumerate(cells)}
        rows = sorted(
            self.rows,
            key=lambda row: (
                row.design,
                place.get((row.design, row.cell), len(cells)),
                row.rule in OTHER_GATES,
            ),
        )
        return Results({name: self.runs[name] for name in sorted(self.runs)}, tuple(rows))

    def write(self, path: Path) -> None:
        """A row a line, so that a difference can be read."""
        rows = ",\n".join(json.dumps(row.as_json(), allow_nan=False) for row in self.rows)
        head = json.dumps(dict(self.runs), indent=1)
        path.write_text(f'{{"runs": {head},\n"rows": [\n{rows}\n]}}\n', encoding="utf-8")

    def of(self, design: str) -> list[Row]:
        """The rows of one design."""
        return [row for row in self.rows if row.design == design]
