"""G4: recall@20 and BLEU, two metrics written as a user would write them, and worlds to take them in.

A row is a query or a segment, and a model's answer to it the number of a line in a table of what the metric
counts there: the champion's lines come first, the challenger's after them.
"""

import numpy as np

from benchmarks.gate_errors.worlds import Array, Codes
from evaluation.metrics.base import Mean, Metric, Sample, Sums, divide
from evaluation.types import Direction, Task

# The longest run of words that BLEU compares.
_WORDS = 4


def recall_at_20(shares: Array) -> Metric:
    """The mean of one share a query; shares: those of every line, (lines,)."""

    def values(sample: Sample) -> Array:
        return shares[_lines(sample)]

    def point(sample: Sample) -> float:
        """Share of a query's relevant documents among the first 20 found, the mean over queries."""
        return float(values(sample).mean())

    return Metric(
        "recall_at_20",
        Direction.HIGHER_IS_BETTER,
        (0.0, 1.0),
        frozenset({Task.REGRESSION}),
        point,
        design=Mean(values),
    )


def bleu(counts: Codes) -> Metric:
    """BLEU of a corpus, not smoothed, with one reference a segment; counts: those of every line, (lines, 9).

    Nine counts: words that match in runs of one to four, such runs in all, and the words of the reference.
    """

    def columns(sample: Sample) -> Array:
        return counts[_lines(sample)].astype(np.float64)

    def point(sample: Sample) -> float:
        """Geometric mean of the shares of matching word runs, less for what is shorter than its reference."""
        return float(bleu_of_sums(columns(sample).sum(axis=0, keepdims=True))[0])

    return Metric(
        "bleu",
        Direction.HIGHER_IS_BETTER,
        (0.0, 1.0),
        frozenset({Task.REGRESSION}),
        point,
        design=Sums(columns, bleu_of_sums),
    )


def bleu_of_sums(sums: Array) -> Array:
    """BLEU from the sums of the nine counts, (b, 9) to (b,), NaN where no answer has four words.

    Source: Papineni, Roukos, Ward and Zhu 2002, "BLEU: a method for automatic evaluation of machine translation".

    >>> bleu_of_sums(np.array([[8.0, 6, 4, 2, 10, 9, 8, 7, 10], [8, 6, 4, 0, 10, 9, 8, 7, 10]])).round(4)
    array([0.5254, 0.    ])
    """
    precisions = divide(sums[:, :_WORDS], sums[:, _WORDS : 2 * _WORDS])
    shortness = divide(sums[:, 2 * _WORDS], sums[:, _WORDS])
    with np.errstate(divide="ignore"):
        means = np.exp(np.log(precisions).mean(axis=1))
    return np.asarray(means * np.exp(np.minimum(0.0, 1 - shortness)), dtype=np.float64)


def queries(random: np.random.Generator, size: int, worse: float) -> tuple[Metric, Sample, Sample]:
    """Queries with 1 + Poisson(3) relevant documents; models find 73 % of them, and seven in ten alike."""
    relevant = 1 + random.poisson(3, size)
    chance = 1 / (1 + np.exp(-1.2 - random.standard_normal(size)))
    alike = random.binomial(relevant, 0.7)
    both = random.binomial(alike, chance)
    theirs, mine = (both + random.binomial(relevant - alike, chance) for _ in range(2))
    mine = random.binomial(mine, 1 - 0.02 * worse)
    return recall_at_20(np.concatenate([theirs, mine]) / np.tile(relevant, 2)), *_samples(size)


def segments(random: np.random.Generator, size: int, worse: float) -> tuple[Metric, Sample, Sample]:
    """References of 10 to 40 words, answers a little shorter; runs of words match by how hard a segment is.

    Of the longer runs, those match of which the shorter ones do, with the same chance once more.
    """
    reference = random.integers(10, 41, size)
    hard = random.standard_normal(size)
    counts = []
    for less in (0.0, 0.05 * worse):
        words = reference + random.binomial(4, 0.5, size) - 3
        rate = 1 / (1 + np.exp(less - 0.8 - 0.6 * hard - 0.3 * random.standard_normal(size)))
        runs = [words - more for more in range(_WORDS)]
        matched = [random.binomial(words, rate)]
        for number in runs[1:]:
            matched.append(random.binomial(np.minimum(matched[-1], number), rate))
        counts.append(np.column_stack([*matched, *runs, reference]).astype(np.int16))
    return bleu(np.concatenate(counts)), *_samples(size)


def _lines(sample: Sample) -> Codes:
    return np.asarray(sample.label, dtype=np.int64)


def _samples(size: int) -> tuple[Sample, Sample]:
    """The challenger's and the champion's answers; nothing is asked about a target."""
    target = np.zeros(size)
    return Sample(target, np.arange(size, 2 * size)), Sample(target, np.arange(size))
