"""Single texts that do not belong: of another length or language, or with personal data in them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from evaluation.detectors.personal import personal_scan
from evaluation.errors import UserError
from evaluation.hygiene.finding import Mask
from evaluation.hygiene.words import words_of

# Below so many words a language is a guess; titles in capitals are taken for any.
LEAST_WORDS = 8
# How sure it must be of another language to say so; the right one is missed about as often in that many words.
_SURE = 0.95


def personal(texts: Sequence[str]) -> dict[str, Mask]:
    """Which of n texts hold personal data, (n,), by its kind: email, phone, iban, card; kinds not found are absent.

    >>> {kind: rows.tolist() for kind, rows in personal(["a mug", "write to ann@example.org"]).items()}
    {'email': [False, True]}
    """
    scan = personal_scan()
    found: dict[str, Mask] = {}
    for row, text in enumerate(texts):
        for kind in scan(text)[0]:
            found.setdefault(kind, np.zeros(len(texts), dtype=np.bool_))[row] = True
    return found


def other_length(texts: Sequence[str], fewest: int, most: int) -> Mask:
    """Which of n texts have fewer or more words than that, (n,).

    >>> other_length(["", "a red mug"], 1, 5).tolist()
    [True, False]
    """
    counts = np.array([len(words_of(text)) for text in texts], dtype=np.int64)
    return np.asarray((counts < fewest) | (counts > most))


def other_language(texts: Sequence[str], language: str) -> tuple[Mask, Mask]:
    """Which of n texts are in another language, and which are long enough to tell, (n,) each.

    language: ISO 639-1. Texts of less than eight words, and those that could be of either, count as right.
    Raises UserError for an unknown code.

    Source: Lui and Baldwin 2012, "langid.py: an off-the-shelf language identification tool".

    >>> rows, told = other_language(["Der Hund liegt müde im Garten und schläft den ganzen Tag.", "mug"], "en")
    >>> rows.tolist(), told.tolist()
    ([True, False], [True, False])
    """
    identifier = _identifier()
    if language not in identifier.labels:
        raise UserError(
            f"unknown language '{language}'",
            expected=f"an ISO 639-1 code: {', '.join(sorted(identifier.labels))}",
            next_step="correct language in weighbridge.yaml",
        )
    other, told = np.zeros((2, len(texts)), dtype=np.bool_)
    for row, text in enumerate(texts):
        words = words_of(text)
        if len(words) >= LEAST_WORDS:
            found, sure = identifier.classify(" ".join(words))
            told[row], other[row] = True, found != language and sure >= _SURE
    return other, told


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
