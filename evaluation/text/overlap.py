"""How far answers say what their references say, in the same words."""

from dataclasses import replace

import numpy as np

from evaluation.metrics.base import Metric, Sample, Scorer, divide, require
from evaluation.text.declare import mean_of, measured, share_of, sums_of
from evaluation.text.ngrams import shared
from evaluation.text.references import kept, lengths, pairs, sums
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import bleu_words, characters, numbered, squad_words
from evaluation.types import FloatArray

_BLEU_WORDS = 4
_CHRF_CHARACTERS = 6
# chrF weighs recall so many times as high as precision.
_BETA = 2


@kept
def exact_match(rows: TextRows) -> Scored:
    """Share of answers that are one of their references, but for case, punctuation and articles.

    Source: the evaluation of SQuAD (Rajpurkar et al. 2016).

    >>> exact_match(TextRows.of(["The Nile!", "a Nile boat"], "nile", ("Amazon", "Nile"))).values
    array([1., 0.])
    """
    found = pairs(rows, squad_words)
    same = [a.tobytes() == b.tobytes() for a, b in zip(found.answers, found.references, strict=True)]
    return found.best(np.array(same, dtype=np.float64))


@kept
def token_f1(rows: TextRows) -> Scored:
    """Share of words that an answer and its best reference have in common, as SQuAD counts it (F1).

    Case, punctuation and articles do not count; where either has no word left, it is 1 if both have none, else 0.
    Source: the evaluation of SQuAD 2.0 (Rajpurkar, Jia and Liang 2018).

    >>> token_f1(TextRows.of(["a blue mug"], ("blue cup of clay", "the mug"))).values.round(3)
    array([0.667])
    """
    found = pairs(rows, squad_words)
    mine, theirs = lengths(found.answers), lengths(found.references)
    matched = shared(found.answers, [[text] for text in found.references], 1)[:, 0].astype(np.float64)
    precision, recall = (divide(matched, words.astype(np.float64)) for words in (mine, theirs))
    values = np.where(matched > 0, divide(2 * precision * recall, precision + recall), 0.0)
    return found.best(np.where((mine == 0) | (theirs == 0), mine == theirs, values))


@kept
def bleu(rows: TextRows) -> Scored:
    """BLEU of all answers together, 0 to 100, as sacrebleu gives it (13a words, smoothing exp).

    One row adds ten sums: words of the answer and of the reference nearest in length, runs of 1 to 4 words that
    match, and all such runs. Source: Papineni et al. 2002; Post 2018, "A call for clarity in reporting BLEU scores".

    >>> bleu(TextRows.of(["a blue mug on a shelf"], "the blue mug on a table")).values
    array([[6., 6., 4., 3., 2., 1., 6., 5., 4., 3.]])
    """
    number = numbered(rows, bleu_words)
    answers, references = number(rows.answers), [number(several) for several in rows.references]
    mine = lengths(answers)
    nearest = [
        min((abs(len(text) - length), len(text)) for text in several)[1] if several else 0
        for length, several in zip(mine, references, strict=True)
    ]
    runs = np.maximum(mine[:, None] - np.arange(_BLEU_WORDS), 0)
    return sums(rows, np.column_stack([mine, nearest, shared(answers, references, _BLEU_WORDS), runs]))


def bleu_of_sums(found: FloatArray) -> FloatArray:
    """BLEU from the ten sums, (b, 10) to (b,); 0 where nothing matches, NaN where there are no words at all.

    >>> bleu_of_sums(np.array([[6.0, 6, 4, 3, 2, 1, 6, 5, 4, 3]])).round(2)
    array([50.81])
    """
    mine, theirs = found[:, 0], found[:, 1]
    matched, runs = found[:, 2 : 2 + _BLEU_WORDS], found[:, 2 + _BLEU_WORDS :]
    # Every length of which nothing matches counts half of the one before: NIST's smoothing.
    halved = 2.0 ** np.cumsum(matched == 0, axis=1)
    precisions = 100 * np.where(matched > 0, divide(matched, runs), divide(np.ones_like(runs), halved * runs))
    with np.errstate(divide="ignore"):
        mean = np.exp(np.log(precisions).mean(axis=1))
    brevity = np.exp(np.minimum(0.0, 1 - divide(theirs, mine)))
    nothing = ~matched.any(axis=1) | (runs == 0).any(axis=1)
    return np.where((mine == 0) & (theirs == 0), np.nan, np.where(nothing, 0.0, brevity * mean))


def bleu_metric(scorer: Scorer) -> Metric:
    """BLEU from what a scorer sums, its value by sacrebleu."""
    metric = sums_of(scorer, bleu_of_sums, range=(0.0, 100.0))

    def point(sample: Sample) -> float:
        from sacrebleu.metrics.bleu import BLEU

        found = measured(sample, metric.name).sum(axis=0)
        require(bool(found[:2].any()), "neither the answers nor the references have a word")
        matched, runs = found[2 : 2 + _BLEU_WORDS].tolist(), found[2 + _BLEU_WORDS :].tolist()
        return float(BLEU.compute_bleu(matched, runs, int(found[0]), int(found[1]), "exp").score)

    point.__doc__, point.__module__ = scorer.__doc__, scorer.__module__
    return replace(metric, point=point)


@kept
def chrf(rows: TextRows) -> Scored:
    """chrF of all answers together, 0 to 100, as sacrebleu gives it (1 to 6 characters, recall twice as heavy).

    One row adds three sums for each length: runs of characters in the answer, in its best reference, and in both.
    Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation".

    >>> chrf(TextRows.of(["a mug"], "mugs")).values[0, :6]
    array([4., 4., 3., 3., 3., 2.])
    """
    found = pairs(rows, characters)
    orders = np.arange(_CHRF_CHARACTERS)
    theirs = np.maximum(lengths(found.references)[:, None] - orders, 0)
    # Without such runs in the reference, those of the answer do not count against it.
    mine = np.where(theirs > 0, np.maximum(lengths(found.answers)[:, None] - orders, 0), 0)
    both = shared(found.answers, [[text] for text in found.references], _CHRF_CHARACTERS)
    columns = np.stack([mine, theirs, both], axis=2).reshape(len(mine), 3 * _CHRF_CHARACTERS)
    columns = columns.astype(np.float64)
    first = np.lexsort((np.arange(len(columns)), -np.nan_to_num(chrf_of_sums(columns)), found.owner))
    owners, best = np.unique(found.owner[first], return_index=True)
    picked = np.zeros((rows.n, columns.shape[1]))
    picked[owners] = columns[first[best]]
    return sums(rows, picked)


def chrf_of_sums(found: FloatArray) -> FloatArray:
    """chrF from the eighteen sums, (b, 18) to (b,); NaN where there are no characters at all.

    >>> chrf_of_sums(np.array([[4.0, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]])).round(2)
    array([47.92])
    """
    precision, recall, lengths_seen = (np.zeros(len(found)) for _ in range(3))
    for start in range(0, found.shape[1], 3):
        mine, theirs, both = found[:, start], found[:, start + 1], found[:, start + 2]
        seen = (mine > 0) & (theirs > 0)
        precision += np.where(seen, divide(both, mine), 0.0)
        recall += np.where(seen, divide(both, theirs), 0.0)
        lengths_seen += seen
    precision, recall = divide(precision, lengths_seen), divide(recall, lengths_seen)
    value = 100 * divide((1 + _BETA**2) * precision * recall, _BETA**2 * precision + recall)
    return np.where(found.any(axis=1), np.nan_to_num(value), np.nan)


def chrf_metric(scorer: Scorer) -> Metric:
    """The function chrF of what a scorer sums."""
    return sums_of(scorer, chrf_of_sums, range=(0.0, 100.0))


METRICS = (share_of(exact_match), mean_of(token_f1), bleu_metric(bleu), chrf_metric(chrf))
