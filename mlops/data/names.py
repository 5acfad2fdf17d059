"""Names in messages: the nearest known one, and lists that stay short."""

import difflib
from collections.abc import Iterable

_SHOWN_COLUMNS = 30


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Name the nearest known word, or say what else to do.

    >>> suggest("defualt", ["default", "sex"], "correct it")
    "did you mean 'default'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise


def listed(names: Iterable[str]) -> str:
    """Write names one after the other; of a long list, the first 30."""
    every = list(names)
    more = f" and {len(every) - _SHOWN_COLUMNS} more" if len(every) > _SHOWN_COLUMNS else ""
    return ", ".join(every[:_SHOWN_COLUMNS]) + more
