"""Cutting documents into passages."""

import re

import polars as pl

from mlops.generation.retrieval.documents import Documents

_WORD = re.compile(r"\S+")


def cut(text: str, words: int, overlap: int) -> list[str]:
    """Stretches of so many words, each beginning `overlap` words before the end of the one before.

    A document is covered whole; white space within a passage stays as it is.

    >>> cut("one two three four five", words=3, overlap=1)
    ['one two three', 'three four five']
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    starts = range(0, max(len(spans) - overlap, 1), words - overlap)
    stretches = [spans[start : start + words] for start in starts] if spans else []
    return [text[stretch[0][0] : stretch[-1][1]] for stretch in stretches]


def passages_of(documents: Documents, words: int, overlap: int) -> pl.DataFrame:
    """The passages of all documents in order: columns id (the document's), place (0, 1, ... in it) and text."""
    rows = [
        (name, place, passage)
        for name, text in zip(documents.ids, documents.texts, strict=True)
        for place, passage in enumerate(cut(text, words, overlap))
    ]
    schema = {"id": pl.String, "place": pl.Int32, "text": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")
