"""Every check of the texts of two tables, in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluation.hygiene.config import HygieneConfig
from evaluation.hygiene.contamination import shared_ngrams
from evaluation.hygiene.duplicates import repeats
from evaluation.hygiene.filters import LEAST_WORDS, other_language, other_length, personal
from evaluation.hygiene.finding import Finding, Hits, finding

# Telling languages takes a few hundredths of a second a hundred texts; so many show a share of 1 in 100.
_ASKED_FOR_LANGUAGE = 2000

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class Texts:
    """The texts of train and holdout by column, an absent one as ''.

    target: the column with the references; None where they are no texts.
    shown: what every answer is given beside its case, such as the prompt with its examples, by name.
    corpus: the passages that are looked up.
    """

    train: Columns
    holdout: Columns
    target: str | None = None
    shown: Columns = field(default_factory=dict)
    corpus: Sequence[str] = ()


def check_texts(texts: Texts, config: HygieneConfig) -> Iterator[Finding]:
    """Look for duplicates, contamination and personal data, and for what is of another length or language.

    Rows are named by their number in the table, from 0; what they hold is not repeated.

    >>> texts = Texts({"title": ["a red mug"]}, {"title": ["A red mug!"]})
    >>> [found.verdict.value for found in check_texts(texts, HygieneConfig())]
    ['fail', 'pass']
    """
    yield _duplicates(texts, config)
    if texts.target is not None or (texts.corpus and texts.holdout):
        yield _contamination(texts, config)
    yield _personal(texts, config)
    if config.words is not None:
        yield _length(texts, *config.words, config.outside_at_most)
    if config.language is not None:
        yield _language(texts, config.language, config.outside_at_most)


def _duplicates(texts: Texts, config: HygieneConfig) -> Finding:
    train, holdout = _rows(texts.train), _rows(texts.holdout)
    found = repeats([*train, *holdout], config.near)
    first = np.where(found.exact >= 0, found.exact, found.near)[len(train) :]
    exact = found.exact[len(train) :] >= 0
    hits = [
        Hits("holdout rows", exact & (first < len(train)), "repeat a train row word for word"),
        Hits("holdout rows", ~exact & (first >= 0) & (first < len(train)), "nearly repeat a train row"),
        Hits("holdout rows", first >= len(train), "repeat an earlier one, or nearly"),
    ]
    return finding(
        "text duplicates", hits, config.repeated_at_most, "no holdout row repeats another in its words"
    )


def _rows(columns: Columns) -> list[str]:
    return ["\n".join(row) for row in zip(*columns.values(), strict=True)]


def _contamination(texts: Texts, config: HygieneConfig) -> Finding:
    hits = []
    n = config.ngram
    if texts.target is not None:
        references = texts.holdout[texts.target]
        shown = {"train": texts.train[texts.target], **texts.shown}
        hits = [
            Hits("references", shared_ngrams(references, said, n), f"share {n} words in a row with {name}")
            for name, said in shown.items()
        ]
    asked = _rows({name: column for name, column in texts.holdout.items() if name != texts.target})
    if texts.corpus and asked:
        hits.append(
            Hits("cases", shared_ngrams(asked, texts.corpus, n), f"share {n} words in a row with the corpus")
        )
    return finding("text contamination", hits, config.contaminated_at_most, f"none shares {n} words in a row")


def _personal(texts: Texts, config: HygieneConfig) -> Finding:
    hits = [
        Hits(f"{column} texts in {table}", rows, f"hold personal data ({kind})")
        for table, column, said in _each(texts)
        for kind, rows in personal(said).items()
    ]
    return finding(
        "personal data", hits, config.personal_at_most, "no e-mail address, phone number, IBAN or card"
    )


def _length(texts: Texts, fewest: int, most: int, at_most: float) -> Finding:
    hits = [
        Hits(
            f"{column} texts in {table}",
            other_length(said, fewest, most),
            f"have not {fewest} to {most} words",
        )
        for table, column, said in _each(texts)
        if texts.target in (None, column)
    ]
    return finding("text length", hits, at_most, f"all have {fewest} to {most} words")


def _language(texts: Texts, language: str, at_most: float) -> Finding:
    hits = []
    for table, column, said in _each(texts):
        places = np.unique(np.linspace(0, len(said) - 1, min(len(said), _ASKED_FOR_LANGUAGE)).astype(int))
        other, told = other_language([said[place] for place in places], language)
        if told.any():
            hits.append(
                Hits(f"{column} texts in {table}", other[told], f"are not in '{language}'", places[told])
            )
    fine = (
        f"all of {LEAST_WORDS} words and more are in '{language}'"
        if hits
        else "no text is long enough to tell"
    )
    return finding("text language", hits, at_most, fine)


def _each(texts: Texts) -> Iterator[tuple[str, str, Sequence[str]]]:
    for table, columns in (("train", texts.train), ("holdout", texts.holdout)):
        for column, said in columns.items():
            yield table, column, said
