"""How much error a decision may make, in words."""

from evaluation.reports.numbers import count, percent
from evaluation.types import Allowance


def stated_error(allowance: Allowance) -> str:
    """What a decision states about its own error, and what that share is a share of.

    >>> stated_error(Allowance.whole(0.05))
    'A model that truly sits on a bound passes in at most 5 % of such samples, and fails in at most 5 %.'
    >>> stated_error(Allowance(0.05, 0.005, candidate=2, candidates=10, overlap=1.0))[-92:]
    'challenger on this holdout, of 10 planned; 100 % of its rows were seen by earlier decisions.'
    """
    error = percent(float(f"{allowance.level:.3g}"))
    text = (
        f"A model that truly sits on a bound passes in at most {error} of such samples, "
        f"and fails in at most {error}."
    )
    if allowance.candidates > 1:
        text += (
            f" That is a share of {percent(allowance.alpha)}: this is the {_ordinal(allowance.candidate)} challenger "
            f"on this holdout, of {allowance.candidates} planned"
        )
        seen = percent(round(allowance.overlap, 3))
        text += f"; {seen} of its rows were seen by earlier decisions." if allowance.overlap > 0 else "."
    if allowance.planned_rows is not None and allowance.looks:
        text += (
            f" It was asked about {count(len(allowance.looks), 'time')}, now with {allowance.looks[-1]:,} of "
            f"{allowance.planned_rows:,} planned rows; the share is spent by a schedule fixed beforehand."
        )
    return text


def _ordinal(number: int) -> str:
    """A position in words.

    >>> _ordinal(1), _ordinal(2), _ordinal(11), _ordinal(23)
    ('1st', '2nd', '11th', '23rd')
    """
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
