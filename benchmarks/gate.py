"""What intervals cost: a large gate beside SciPy's bootstrap with scikit-learn inside, growth with rows, memory."""

import math
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 100_000
SLICES = 8
RESAMPLES = 2000
GROWTH = (25_000, 50_000, 100_000, 200_000)
MANY = 10_000_000
COUNTED = ("accuracy", "recall", "precision", "f1", "brier")
# The peer would take hours: it is measured on fewer rows and resamples, and both multiplied up.
PEER_ROWS = 20_000
PEER_RESAMPLES = 20


def main() -> None:
    """Print seconds, peak memory and the ratio to the peer; a minute or two.

    Seconds on the clock are of this machine as busy as it is, those of all its cores together (CPU) hardly
    depend on it; what may be compared are ratios.
    """
    _weigh(*_models(2000))
    clock, cpu = _timed(lambda: _weigh(*_models(ROWS)))
    print(
        f"gate: {len(_names())} metrics against a champion, {ROWS:,} rows and {SLICES} slices of them, "
        f"{RESAMPLES:,} resamples"
    )
    print(f"  weighbridge            {clock:10.1f} s, CPU {cpu:.1f} s   peak memory {_peak_mib():,.0f} MiB")
    peer_clock, peer_cpu = np.sum([_peer(name) for name in _names()], axis=0)
    # The slices together have as many rows as the whole.
    times = (ROWS / PEER_ROWS) * (RESAMPLES / PEER_RESAMPLES) * 2
    print(
        f"  scipy + scikit-learn   {times * peer_clock:10,.0f} s, CPU {times * peer_cpu:,.0f} s   {times:,.0f} times "
        f"what {PEER_ROWS:,} rows, {PEER_RESAMPLES} resamples and no slices took"
    )
    print(
        f"  {times * peer_clock / clock:,.0f} times faster by the clock, {times * peer_cpu / cpu:,.0f} in CPU"
    )
    _growth()
    _many_rows()


def _growth() -> None:
    seconds = [_timed(lambda rows=rows: _weigh(*_models(rows)))[1] for rows in GROWTH]
    power = np.polyfit(np.log(GROWTH), np.log(seconds), 1)[0]
    found = ", ".join(f"{rows:,}: {taken:.1f} s" for rows, taken in zip(GROWTH, seconds, strict=True))
    print(f"  CPU by rows            {found}; grows as rows to the power {power:.2f}")


def _many_rows() -> None:
    from evaluation.metrics.builtin import find_metric
    from evaluation.stats.estimate import Question, Settings, estimate

    challenger, champion = _models(MANY)
    print(f"  {MANY:,} rows, two models loaded: peak memory {_peak_mib():,.0f} MiB")
    for name in COUNTED:
        question = Question(find_metric(name), challenger, champion)
        clock, cpu = _timed(lambda question=question: estimate([question], Settings(resamples=RESAMPLES)))
        print(f"    {name:20s} {clock:10.1f} s, CPU {cpu:.1f} s   peak memory {_peak_mib():,.0f} MiB")


def _names() -> tuple[str, ...]:
    from evaluation.metrics.builtin import OVERVIEW
    from evaluation.types import Task

    return OVERVIEW[Task.BINARY]


def _models(rows: int) -> tuple[Any, Any]:
    """Two models of one target whose scores agree more often than not, made in parts to spare memory."""
    from evaluation.metrics.base import Sample

    random = np.random.default_rng(20261121)
    target = np.empty(rows, dtype=np.int64)
    scores = np.empty((2, rows))
    for start in range(0, rows, 100_000):
        part = slice(start, min(rows, start + 100_000))
        n = part.stop - part.start
        target[part] = random.random(n) < 0.3
        common = random.normal(size=n) + 1.2 * target[part]
        scores[:, part] = 1 / (1 + np.exp(1 - 0.9 * common - 0.4 * random.normal(size=(2, n))))
    first, second = (Sample(target, (score > 0.5).astype(np.int64), score) for score in scores)
    return first, second


def _weigh(challenger: Any, champion: Any) -> None:
    """Every metric on all rows and on every slice."""
    from evaluation.metrics.builtin import find_metric
    from evaluation.stats.estimate import Question, Settings, estimate

    part = np.random.default_rng(1).integers(0, SLICES, challenger.n)
    settings = Settings(resamples=RESAMPLES)
    for index in range(SLICES + 1):
        models = (challenger, champion)
        if index < SLICES:
            models = tuple(model.take(part == index) for model in models)
        answers = estimate(
            [Question(find_metric(name), *models) for name in _names()], settings, stream=index
        )
        for answer in answers:
            if not answer.estimate.usable:
                raise RuntimeError(answer.estimate.problem)


def _peer(name: str) -> tuple[float, float]:
    """Seconds of a paired percentile bootstrap that calls the metric's own function on every resample."""
    from scipy import stats

    from evaluation.metrics.base import Sample
    from evaluation.metrics.builtin import find_metric

    point = find_metric(name).point
    challenger, champion = _models(PEER_ROWS)

    def difference(target: Any, *answers: Any) -> float:
        mine, theirs = answers[:2], answers[2:]
        return point(Sample(target, *mine)) - point(Sample(target, *theirs))

    answers = (challenger.label, challenger.score, champion.label, champion.score)
    return _timed(
        lambda: stats.bootstrap(
            (challenger.target, *answers),
            difference,
            paired=True,
            vectorized=False,
            n_resamples=PEER_RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(1),
        )
    )


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock, and of all cores together."""
    started = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def _peak_mib() -> int:
    return math.ceil(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
