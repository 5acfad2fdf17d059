"""Running the cells, two at a time."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.gate_errors.accuracy import G1, G2
from benchmarks.gate_errors.best_of import G9
from benchmarks.gate_errors.black_box import G4
from benchmarks.gate_errors.groups import G8
from benchmarks.gate_errors.jobs import Job
from benchmarks.gate_errors.planner import P1
from benchmarks.gate_errors.ranking import G3
from benchmarks.gate_errors.rates import Row
from benchmarks.gate_errors.slices import G6
from benchmarks.gate_errors.top_up import G5
from benchmarks.gate_errors.units import G7
from mlops.calm import calm_threads

DESIGNS = {design.id: design for design in (G1, G2, G3, G4, G5, G6, G7, G8, G9, P1)}
PROCESSES = 2


def run(jobs: Sequence[Job]) -> list[Row]:
    """The rows of all jobs, in the order of the jobs."""
    found: dict[int, list[Row]] = {}
    # Forked, a process would inherit Polars' threads without their locks.
    context = multiprocessing.get_context("spawn")
    with (
        _progress(len(jobs)) as step,
        ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=calm_threads) as pool,
    ):
        # The last designs have the longest cells, which had better not be the last to end.
        waiting = {pool.submit(_run, job): job for job in reversed(jobs)}
        for done in as_completed(waiting):
            found[waiting[done].number] = done.result()
            step()
    return [row for job in jobs for row in found[job.number]]


def _run(job: Job) -> list[Row]:
    from threadpoolctl import threadpool_limits

    started = time.process_time()
    with threadpool_limits(limits=1):
        rows = job.measure(job.number, job.runs)
    spent = time.process_time() - started
    return [replace(row, cpu_s=spent) for row in rows]


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("cells", total=total)
        yield lambda: bar.advance(task)
