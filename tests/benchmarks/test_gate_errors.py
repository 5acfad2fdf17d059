import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.gate_errors.jobs import Job
from benchmarks.gate_errors.own_metrics import bleu, bleu_of_sums, queries, recall_at_20, segments
from benchmarks.gate_errors.page import PAGE, PICTURE, page
from benchmarks.gate_errors.picture import drawn
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.results import FILE, Results
from benchmarks.gate_errors.run import DESIGNS
from benchmarks.gate_errors.worlds import ACCURACY, generator, paired_counts, right_answers
from evaluation.metrics.base import Sample
from evaluation.stats.point import point

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_no_stated_rate_is_exceeded_in_a_short_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate_errors", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_page_and_picture_say_what_the_results_say() -> None:
    results = Results.read(FILE)
    assert page(PAGE.read_text(), results) == PAGE.read_text(), (
        "python -m benchmarks.gate_errors --write-docs"
    )
    assert drawn(results) == PICTURE.read_text()


def test_results_are_of_every_cell() -> None:
    results = Results.read(FILE)
    for design in DESIGNS.values():
        assert {cell.name for cell in design.cells} == {row.cell for row in results.of(design.id)}


def test_every_cell_has_a_seed_of_its_own() -> None:
    jobs = [job for design in DESIGNS.values() for job in design.jobs(short=False)]
    assert len({job.number for job in jobs}) == len(jobs)
    assert all(isinstance(job, Job) and job.runs > 0 for job in jobs)


@pytest.mark.parametrize(
    ("count", "holds", "breaks"),
    [
        (40, True, False),
        (45, True, False),
        (50, False, False),
        (62, False, False),
        (75, False, True),
        (0, True, False),
    ],
)
def test_a_claim_holds_if_its_limit_is_within_a_point(count: int, holds: bool, breaks: bool) -> None:
    row = Cell("G1", "cell", 1000).share("rule", "pass", count, most=0.05, control=True)
    limit = stats.binomtest(count, 1000, alternative="less").proportion_ci(0.95, "exact").high
    assert row.upper == pytest.approx(limit)
    assert row.breaks is breaks
    assert row.holds is holds
    assert Row.of_json(row.as_json()).as_json() == row.as_json()


def test_the_world_has_the_truth_that_it_says() -> None:
    counts = paired_counts(generator(1), 4000, 500, psi=0.08, d=-0.02)
    won, lost, both, _ = counts.mean(axis=0) / 500
    assert won + lost == pytest.approx(0.08, abs=0.001)
    assert won - lost == pytest.approx(-0.02, abs=0.001)
    assert lost + both == pytest.approx(ACCURACY, abs=0.001)
    mine, theirs = right_answers(counts[0])
    assert mine.sum() - theirs.sum() == counts[0][0] - counts[0][1]


@pytest.mark.parametrize(
    ("matched", "runs", "reference", "value"),
    [
        ((366, 202, 114, 64), (506, 466, 426, 386), 546, 0.31733239254),
        ((421, 354, 297, 244), (446, 406, 366, 326), 526, 0.70277719204),
        # Longer than the reference: nothing is taken off.
        ((881, 377, 181, 94), (1514, 1414, 1314, 1214), 1314, 0.20168963853),
        ((366, 202, 114, 0), (506, 466, 426, 386), 546, 0.0),
    ],
)
def test_bleu_is_that_of_sacrebleu_2_6(
    matched: tuple[int, ...], runs: tuple[int, ...], reference: int, value: float
) -> None:
    sums = np.array([[*matched, *runs, reference]], dtype=np.float64)
    assert bleu_of_sums(sums) == pytest.approx(np.array([value]), rel=1e-8)


def test_bleu_has_no_value_without_runs_of_four_words() -> None:
    assert np.isnan(bleu_of_sums(np.array([[2.0, 1, 0, 0, 3, 2, 1, 0, 3]]))).all()


def test_own_metrics_take_the_lines_that_a_model_answers_with() -> None:
    found = recall_at_20(np.array([1.0, 0.5, 0.0, 0.25]))
    assert point(found, Sample(np.zeros(2), np.array([0.0, 3.0]))) == 0.625
    of_words = bleu(np.array([[4, 3, 2, 1, 4, 3, 2, 1, 4], [0, 0, 0, 0, 4, 3, 2, 1, 4]], dtype=np.int64))
    assert point(of_words, Sample(np.zeros(1), np.array([0]))) == 1.0
    assert point(of_words, Sample(np.zeros(1), np.array([1]))) == 0.0


@pytest.mark.parametrize("world", [queries, segments])
def test_worlds_with_a_metric_of_their_own_have_a_challenger_that_is_worse(world: Callable[..., Any]) -> None:
    equal, less = (world(generator(1), 50_000, worse) for worse in (0.0, 1.0))
    for metric, mine, theirs in (equal, less):
        assert metric.point(mine) == pytest.approx(point(metric, mine))
        assert not np.isin(mine.label, theirs.label).any()
    metric, mine, theirs = equal
    assert metric.point(mine) == pytest.approx(metric.point(theirs), abs=0.005)
    metric, mine, theirs = less
    assert 0.01 < metric.point(theirs) - metric.point(mine) < 0.02
