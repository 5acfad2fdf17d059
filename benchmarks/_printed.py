"""What benchmarks printed when `python -m benchmarks --keep` ran them, for docs/performance.md."""

import io
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

FILE = Path(__file__).with_name("printed.json")


class Printed(TypedDict):
    """When, where and what."""

    date: str
    python: str
    cores: int | None
    load_average: float
    lines: list[str]


@contextmanager
def keeping(name: str, file: Path = FILE) -> Iterator[None]:
    """Put what is printed inside into the file, in the place of what the benchmark printed last time."""
    load_average = round(os.getloadavg()[0], 2)
    text = _Both()
    with redirect_stdout(text):
        yield
    printed = Printed(
        date=datetime.now(UTC).date().isoformat(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        load_average=load_average,
        lines=[line.rstrip() for line in text.getvalue().splitlines()],
    )
    content = {**read(file), name: printed}
    file.write_text(json.dumps(dict(sorted(content.items())), indent=1) + "\n", encoding="utf-8")


def read(file: Path = FILE) -> dict[str, Printed]:
    """By benchmark; empty where nothing was kept."""
    found: dict[str, Printed] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


class _Both(io.StringIO):
    """Keeps, and shows at once."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text)
        return super().write(text)
