"""Measure the gate's error rates: python -m benchmarks.gate_errors --smoke | --full | --others | --write-docs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gate_errors.peer_cells import PYTHON, ask, cells
from benchmarks.gate_errors.rates import Row
from benchmarks.gate_errors.results import FILE, OTHERS, Results
from benchmarks.gate_errors.run import DESIGNS, PROCESSES, run


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 1 where a stated error rate does not hold.

    In a short run, only where it is exceeded by more than three standard errors.
    """
    asked = _asked(arguments)
    if asked.write_docs:
        from benchmarks.gate_errors.page import write

        write(Results.read(asked.json or FILE))
        return 0
    names = asked.only or list(DESIGNS)
    if asked.others:
        found = Results.of_run(_of_others(names, asked.peers), [OTHERS])
    else:
        jobs = [job for name in names for job in DESIGNS[name].jobs(short=asked.smoke)]
        found = Results.of_run(run(jobs), names)
    _show(found)
    if asked.json is not None:
        known = asked.json.exists()
        (Results.read(asked.json) if known else found).updated(found).write(asked.json)
    return _conclude(found, short=asked.smoke)


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate_errors", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--full", action="store_true", help="every cell, in about half an hour of CPU")
    what.add_argument("--smoke", action="store_true", help="cells with stated rates, few runs, in a minute")
    what.add_argument("--others", action="store_true", help="statgate and evalsig on the same data, as long")
    what.add_argument(
        "--write-docs", action="store_true", help="docs/gate.md and its picture from the results"
    )
    parser.add_argument("--only", type=_designs, metavar="G1,G3", help=f"some of {', '.join(DESIGNS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, put in the place of those in it")
    parser.add_argument(
        "--peers",
        type=Path,
        default=PYTHON,
        metavar="PYTHON",
        help="Python with the other gates, see `make peers`",
    )
    return parser.parse_args(arguments)


def _designs(text: str) -> list[str]:
    names = text.upper().split(",")
    if unknown := [name for name in names if name not in DESIGNS]:
        raise argparse.ArgumentTypeError(f"no design {', '.join(unknown)}; there are {', '.join(DESIGNS)}")
    return names


def _of_others(designs: Sequence[str], python: Path) -> list[Row]:
    if not python.exists():
        print(f"there is no {python}: type `make peers`", file=sys.stderr)
        return []
    return ask(cells(designs), python, processes=PROCESSES)


def _show(found: Results) -> None:
    from rich.console import Console

    from benchmarks.gate_errors.tables import show

    # Wide enough for every column even where the output is no terminal.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for name, design in DESIGNS.items():
        if rows := found.of(name):
            show(rows, f"{name}: {design.title}", console)


def _conclude(found: Results, *, short: bool) -> int:
    claims = [row for row in found.rows if row.holds is not None]
    held = [row for row in claims if row.holds]
    shown = "" if short else f"{len(held)} of {len(claims)} claims hold; "
    print(f"{shown}{sum(_cpu(found).values()):,.0f} s of CPU")
    broken = [row for row in found.rows if row.breaks] if short else _not_kept(found.rows)
    for row in broken:
        print(
            f"exceeded: {row.design}, {row.cell}: {row.event} {row.value:.2%} of {row.runs:,}, stated {row.most:.0%}"
        )
    return 1 if broken else 0


def _not_kept(rows: Sequence[Row]) -> list[Row]:
    """Stated error rates that do not hold, and of which that is news."""
    return [row for row in rows if row.control and not row.holds]


def _cpu(found: Results) -> dict[tuple[str, str, float], float]:
    """Seconds of every cell once, and not once a row."""
    return {(row.design, row.cell, row.cpu_s): row.cpu_s for row in found.rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
