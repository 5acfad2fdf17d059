"""Measure the endpoint beside others: python -m benchmarks.serving [--smoke | --log | --starts | --soak | ...]."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.bundle import make_bundle
from benchmarks.serving.contestants import BARE, MLFLOW, OURS, PEERS, contestants
from benchmarks.serving.load import generator, saturate
from benchmarks.serving.results import FILE, Results, told
from benchmarks.serving.rounds import Plan, log_rows, measure_all, ready_after
from benchmarks.serving.servers import serving
from benchmarks.serving.soak import soak
from benchmarks.serving.tables import show

SPEED, MEMORY, LOG, START = "Speed", "Memory", "Request log", "Start"
_LOG_ROUNDS, _STARTS = 50, 7


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 1 where a request failed, or where the project's own servers did not answer."""
    asked = _asked(arguments)
    if asked.write_docs:
        from benchmarks.serving.page import write

        write(Results.read(asked.json or FILE))
        return 0
    with tempfile.TemporaryDirectory(prefix="wb", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if asked.soak:
            found = _soaked(asked.soak, folder)
        elif asked.starts:
            found = _started(folder)
        else:
            found = _logged(asked, folder) if asked.log else _measured(asked, folder)
    show(found)
    if asked.json is not None:
        known = asked.json.exists()
        (Results.read(asked.json).updated(found) if known else found).write(asked.json)
    return _conclude(found)


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--smoke", action="store_true", help="a short round of our own servers, no speed asserted"
    )
    what.add_argument(
        "--log", action="store_true", help=f"what the request log costs, in {_LOG_ROUNDS} pairs of rounds"
    )
    what.add_argument(
        "--starts", action="store_true", help=f"from start to first answer, {_STARTS} times each"
    )
    what.add_argument(
        "--soak", type=float, nargs="?", const=10.0, metavar="MINUTES", help="memory under load; 10 minutes"
    )
    what.add_argument("--write-docs", action="store_true", help="docs/performance.md from the results")
    parser.add_argument(
        "--only", metavar="NAME,NAME", help="some of the servers, beside ours and the bare route"
    )
    parser.add_argument("--rounds", type=int, help=f"of every load; {Plan.rounds}, of --log {_LOG_ROUNDS}")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of every round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, put in the place of those in it")
    return parser.parse_args(arguments)


def _measured(asked: argparse.Namespace, folder: Path) -> Results:
    plan = Plan.short() if asked.smoke else Plan(asked.rounds or Plan.rounds, asked.seconds)
    served = make_bundle(folder)
    known = contestants(served, folder)
    chosen = set(known) - ({MLFLOW, *PEERS} if asked.smoke else set())
    if asked.only is not None:
        chosen = {OURS, BARE, *(name.strip() for name in asked.only.split(","))}
    if unknown := chosen - set(known):
        raise SystemExit(f"no server {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    how = (
        f"one record of {len(served.record)} fields a request, {plan.rounds} rounds of {plan.seconds:g} s by "
        f"{generator()}, at a fixed rate {plan.paced[0]} of {plan.paced[1]:g} s"
    )
    run = told(how=how)
    rows = measure_all([each for name, each in known.items() if name in chosen], served, plan, folder, _say)
    ready = ready_after([known[OURS], known[BARE]], folder, plan.starts, _say)
    return Results({SPEED: run}, tuple(rows), ready).in_order(list(known))


def _logged(asked: argparse.Namespace, folder: Path) -> Results:
    plan = Plan(asked.rounds or _LOG_ROUNDS, asked.seconds)
    served = make_bundle(folder)
    how = (
        f"one record of {len(served.record)} fields a request, rounds of {plan.seconds:g} s by {generator()}"
    )
    run = told(how=how)
    return Results({LOG: run}, log=log_rows(contestants(served, folder), served, plan, folder, _say))


def _started(folder: Path) -> Results:
    served = make_bundle(folder)
    known = contestants(served, folder)
    run = told(how=f"{_STARTS} starts of each, in turn")
    return Results({START: run}, ready_s=ready_after([known[OURS], known[BARE]], folder, _STARTS, _say))


def _soaked(minutes: float, folder: Path) -> Results:
    served = make_bundle(folder)
    with serving(contestants(served, folder)[OURS], folder) as server:
        most = saturate(server, served.record, 32, 5.0, folder).per_second
        _say(f"{minutes:g} minutes at {most / 2:.0f}/s")
        run = told(how="at half of the load that saturates it")
        return Results({MEMORY: run}, soak=soak(server, served, most / 2, minutes))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _conclude(found: Results) -> int:
    """Failures of other tools are rows; ours and those of the bare route are failures of the run."""
    bad = [
        f"{row.name}: {row.problem or f'{row.failed} requests failed'}"
        for row in found.rows
        if row.name not in {MLFLOW, *PEERS} and (row.problem or row.failed)
    ]
    if found.soak is not None and found.soak.failed:
        bad.append(f"{found.soak.failed} requests failed")
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
