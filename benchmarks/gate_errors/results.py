"""The committed figures of a full run, and when and with which version each design was run."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.gate_errors.rates import Row

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Results:
    """Rows by design; `runs` tells of each when, with which versions and on what it was run."""

    runs: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...]

    @classmethod
    def of_run(cls, rows: Sequence[Row]) -> "Results":
        """What has just been measured."""
        told = {
            "date": datetime.now(UTC).date().isoformat(),
            "weighbridge": version("weighbridge"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        }
        return cls(dict.fromkeys(dict.fromkeys(row.design for row in rows), told), tuple(rows))

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `write` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["runs"], tuple(Row.of_json(row) for row in found["rows"]))

    def updated(self, other: "Results") -> "Results":
        """These, with the designs of another run in the place of theirs; the order of designs stays."""
        runs = {**self.runs, **other.runs}
        rows = [
            row
            for design in runs
            for row in (other if design in other.runs else self).rows
            if row.design == design
        ]
        return Results(runs, tuple(rows))

    def write(self, path: Path) -> None:
        """A row a line, so that a difference can be read."""
        rows = ",\n".join(json.dumps(row.as_json(), allow_nan=False) for row in self.rows)
        head = json.dumps(dict(self.runs), indent=1)
        path.write_text(f'{{"runs": {head},\n"rows": [\n{rows}\n]}}\n', encoding="utf-8")

    def of(self, design: str) -> list[Row]:
        """The rows of one design."""
        return [row for row in self.rows if row.design == design]
