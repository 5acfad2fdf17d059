"""Kill servers under load and count what is lost: python -m benchmarks.crash [--kills N | --write-docs]."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from benchmarks._printed import keeping, read
from benchmarks.crash.judge import Turn
from benchmarks.crash.kills import Plan, kill_often
from benchmarks.crash.tables import PAGE, as_table, page
from benchmarks.serving.bundle import make_bundle
from mlops.calm import calm_threads
from mlops.serving.log.config import Durability

FILE = Path(__file__).with_name("printed.json")


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 1 where something is missing, doubled or unreadable that must not be."""
    asked = _asked(arguments)
    if asked.write_docs:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read(FILE)), encoding="utf-8")
        return 0
    calm_threads()
    turns: list[Turn] = []
    for durability in asked.only or Durability:
        with keeping(durability.value, FILE) if asked.keep else nullcontext():
            found = _killed(durability, asked.kills, asked.seed)
            print(as_table(found))
        turns += found
    violations = [each for turn in turns for each in turn.violations]
    for each in violations:
        print(f"violated: {each}", file=sys.stderr)
    return 1 if violations else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each durability; 20")
    parser.add_argument("--seed", type=int, default=20261122, help="of moments, victims and requests")
    parser.add_argument("--only", type=Durability, action="append", help="batch or journal; both")
    parser.add_argument("--keep", action="store_true", help="keep what is printed, for --write-docs")
    parser.add_argument("--write-docs", action="store_true", help="docs/serving.md from what was kept")
    return parser.parse_args(arguments)


def _killed(durability: Durability, kills: int, seed: int) -> list[Turn]:
    # Not in memory, where /tmp may lie: what is promised is about a disk.
    with tempfile.TemporaryDirectory(prefix="wb", dir=Path.cwd(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        served = make_bundle(folder)
        plan = Plan(served.bundle, served.record, durability, kills, seed)
        return kill_often(plan, folder, _say)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
