"""Overlap with references that an answer did not get by saying its prompt again."""

from collections.abc import Callable, Iterator

import numpy as np

from evaluation.metrics.base import Metric, Scorer
from evaluation.text import meteor, overlap, rouge
from evaluation.text.declare import mean_of, share_of
from evaluation.text.echo import of_known_prompts
from evaluation.text.ngrams import Mask, standing
from evaluation.text.references import once
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import Numbered, numbered, word_spans, words

# So many words in a row are a copy; titles and phrases that an honest answer repeats are shorter.
_LONG_RUN = 8
# Of a prompt of fewer words the whole is one, if it has at least so many.
_SHORTEST = 4


def answers_without_echo(rows: TextRows) -> list[str]:
    """The answers without what they copy from their prompts.

    Taken out is every word, with what stands between such words, that lies in a run of eight words of the answer
    which stand in the prompt in the same order, whatever their case and punctuation. Of a prompt of fewer words
    the whole is such a run, if it has four. Where no word is left, nothing is.

    >>> answers_without_echo(TextRows.of(["Describe: a BLUE mug. It is blue."], prompt=["describe a blue mug"]))
    ['. It is blue.']
    """
    return once(rows, "answers without echo", lambda: _cut(rows))


def without_echo(scorer: Callable[[TextRows], Scored]) -> Callable[[TextRows], Scored]:
    """The same scorer on `answers_without_echo`; references stay as they are."""
    name = scorer.__name__

    def score(rows: TextRows) -> Scored:
        plain, left = scorer(rows), answers_without_echo(rows)
        changed = [row for row, (a, b) in enumerate(zip(rows.answers, left, strict=True)) if a != b]
        values = np.array(plain.values)
        if changed and values[changed].size and np.isfinite(values[changed]).any():
            part = TextRows(
                [left[row] for row in changed],
                [rows.references[row] for row in changed],
                rows.inputs[changed],
                settings=rows.settings,
                shared={key: made for key, made in rows.shared.items() if isinstance(made, Numbered)},
            )
            values[changed] = scorer(part).values
        return of_known_prompts(rows, values, plain.problems)

    first = (scorer.__doc__ or name).strip().splitlines()[0].rstrip(".")
    score.__name__ = f"{name}_without_echo"
    score.__doc__ = f"""{first}; without what is copied from the prompt.

    >>> rows = TextRows.of(["a mug"], "the mug", prompt=["Describe this mug."])
    >>> bool(np.array_equal(WITHOUT_ECHO["{name}"](rows).values, PLAIN["{name}"](rows).values, equal_nan=True))
    True
    """
    return score


def _cut(rows: TextRows) -> list[str]:
    number = numbered(rows, words)
    answers, prompts = number(rows.answers), number(rows.prompts)
    needed = [min(_LONG_RUN, len(prompt)) for prompt in prompts]
    left = list(rows.answers)
    for n in range(_SHORTEST, _LONG_RUN + 1):
        places = [row for row in range(rows.n) if needed[row] == n]
        found = standing([answers[row] for row in places], [[prompts[row]] for row in places], n)
        for row, hits in zip(places, found, strict=True):
            if hits.any():
                rest = "".join(_kept(rows.answers[row], hits, n))
                left[row] = rest if words(rest) else ""
    return left


def _kept(text: str, hits: Mask, n: int) -> Iterator[str]:
    """What stands outside the copied words; hits: which runs of n words are copied."""
    copied = np.convolve(hits, np.ones(n)) > 0
    edges = np.flatnonzero(np.diff(copied, prepend=False, append=False)).reshape(-1, 2)
    spans, end = word_spans(text), 0
    for first, after in edges.tolist():
        yield text[end : spans[first][0]]
        end = spans[after - 1][1]
    yield text[end:]


_FAMILIES: tuple[tuple[Callable[[TextRows], Scored], Callable[[Scorer], Metric]], ...] = (
    (overlap.exact_match, share_of),
    (overlap.token_f1, mean_of),
    (overlap.bleu, overlap.bleu_metric),
    (overlap.chrf, overlap.chrf_metric),
    (rouge.rouge_1, mean_of),
    (rouge.rouge_2, mean_of),
    (rouge.rouge_l, mean_of),
    (meteor.meteor, mean_of),
)
PLAIN = {scorer.__name__: scorer for scorer, _ in _FAMILIES}
WITHOUT_ECHO = {name: without_echo(scorer) for name, scorer in PLAIN.items()}
METRICS = tuple(declare(WITHOUT_ECHO[scorer.__name__]) for scorer, declare in _FAMILIES)
