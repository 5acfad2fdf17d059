"""How far two samples of one column lie apart, with limits that hold at a stated error.

The distance is the largest difference between the two samples' shares of any one event: for numbers the
events "missing or at most x" (the two-sample Kolmogorov-Smirnov distance with missing values placed below
every number), for categories the events "is this category", "is missing" and "was not seen before", for sets of
names the events "has this name" and "has none".

Two different claims are made, so the two limits hold at different errors:

- `low` backs an alarm. It is simultaneous: with probability at least 1 - error no event's true difference
  is below the lower limit that is claimed for it. Numbers: Dvoretzky-Kiefer-Wolfowitz with Massart's
  constant in the two-sample form of Wei and Dudley (2012), D - c sqrt(1/n + 1/m), c = sqrt(-ln(error / 2) /
  2). Categories: Clopper and Pearson (1934) for both samples of every event, error / (4 events) on each
  side. The usual score interval for a difference is not used: at the errors that a month of passes leaves
  (1e-5 and less) it claims too much for a rare category, up to 400 times as often as it says.
- `high` backs the all-clear. It holds at 95 %, one-sided: the largest true difference belongs to one event,
  and there the difference of shares has a standard error of at most sqrt(1/n + 1/m) / 2. Nothing is
  corrected for several columns: all clear is claimed only where every column is (Berger 1982).

Both suppose that records are independent draws. Where traffic follows the hour or the weekday they are not,
and a window of one hour differs from the reference without any drift.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

import numpy as np

from evaluation.types import FloatArray

_Z95 = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True)
class Distance:
    """Largest difference of shares, 0 to 1, and the event where it was found.

    `event` completes "so much of the window ...", for example "is at most 42"; the two shares are those of
    this event.
    """

    value: float
    low: float
    high: float
    event: str
    reference_share: float
    current_share: float


def number_margin(n: int, m: int, error: float) -> float:
    """By how much the distance of two samples of n and m numbers may exceed the true one, but for `error`.

    >>> round(number_margin(2000, 20000, 0.05), 4)
    0.0319
    """
    return sqrt(-log(error / 2) / 2) * sqrt(1 / n + 1 / m)


def compare_numbers(reference: FloatArray, current: FloatArray, *, error: float) -> Distance:
    """Compare (m,) with (n,) numbers, both not empty; NaN means missing.

    >>> apart = compare_numbers(np.arange(100.0), np.arange(50.0, 150.0), error=0.05)
    >>> apart.value, apart.event
    (0.5, 'is at most 49')
    """
    edge = np.finfo(np.float64)
    old, new = (np.where(np.isnan(x), -np.inf, np.clip(x, edge.min, edge.max)) for x in (reference, current))
    old.sort()
    new.sort()
    points = np.unique(np.concatenate([old, new]))
    old_shares = np.searchsorted(old, points, side="right") / old.size
    new_shares = np.searchsorted(new, points, side="right") / new.size
    gaps = np.abs(new_shares - old_shares)
    # Rounded, so that of equal gaps the first is named and not the one with the luckiest last digit.
    top = int(np.argmax(np.round(gaps, 12)))
    value = float(gaps[top])
    return Distance(
        value=value,
        low=max(0.0, value - number_margin(new.size, old.size, error)),
        high=min(1.0, value + _clear_margin(new.size, old.size)),
        event=_at_most(float(points[top]), missing=bool(np.isinf(points).any())),
        reference_share=float(old_shares[top]),
        current_share=float(new_shares[top]),
    )


def compare_categories(
    reference: Sequence[str | None], current: Sequence[str | None], *, error: float
) -> Distance:
    """Compare m with n categories, both not empty; None is a category of its own.

    What a fixed half of the reference holds counts as seen; the other half is the fresh sample that "was
    not seen before" is compared with, so that a column of ids, new in every row of either sample, does not
    alarm.

    >>> compare_categories(["a", "b"] * 50, ["a"] * 80 + ["b"] * 20, error=0.05).event
    "is 'a'"
    """
    old, new = Counter(reference), Counter(current)
    names = list(old | new)
    seen, fresh = _halves(reference)
    old_counts = np.array([old[name] for name in names] + [sum(name not in seen for name in fresh)])
    new_counts = np.array([new[name] for name in names] + [sum(name not in seen for name in current)])
    old_rows = np.array([len(reference)] * len(names) + [len(fresh)])
    new_rows = np.full_like(old_rows, len(current))
    events = [*map(_is, names), "was not seen before"]
    return _furthest(events, (old_counts, old_rows), (new_counts, new_rows), error=error)


def compare_sets(
    reference: Sequence[Collection[str]], current: Sequence[Collection[str]], *, error: float
) -> Distance:
    """Compare m with n sets of names, both not empty, by the share of sets that have each name, and that have none.

    >>> compare_sets([["a", "b"], ["a"]] * 50, [["b"]] * 100, error=0.05).event
    "has 'a'"
    """
    old, new = (
        Counter(name for names in sets for name in dict.fromkeys(names)) for sets in (reference, current)
    )
    names = list(old | new)
    sides = [
        (np.array([*(found[name] for name in names), sum(not each for each in sets)]), len(sets))
        for found, sets in ((old, reference), (new, current))
    ]
    events = [*(f"has '{name[:60]}'" for name in names), "has none"]
    return _furthest(events, *((counts, np.full_like(counts, rows)) for counts, rows in sides), error=error)


def _furthest(
    events: Sequence[str],
    old: tuple[FloatArray, FloatArray],
    new: tuple[FloatArray, FloatArray],
    *,
    error: float,
) -> Distance:
    """The event whose share differs most; counts and rows of each, in reference and window."""
    (old_counts, old_rows), (new_counts, new_rows) = old, new
    gaps = np.abs(new_counts / new_rows - old_counts / old_rows)
    top = int(np.argmax(gaps))
    lows = _share_gap_limits(new, old, error / (4 * len(gaps)))
    return Distance(
        value=float(gaps[top]),
        low=float(max(0.0, lows.max())),
        high=float(min(1.0, (gaps + _Z95 / 2 * np.sqrt(1 / new_rows + 1 / old_rows)).max())),
        event=events[top],
        reference_share=float(old_counts[top] / old_rows[top]),
        current_share=float(new_counts[top] / new_rows[top]),
    )


def _halves(reference: Sequence[str | None]) -> tuple[set[str | None], list[str | None]]:
    """Categories of one half and rows of the other; shuffled, since rows may come in some order."""
    rows = [reference[row] for row in np.random.default_rng(0).permutation(len(reference))]
    half = len(rows) // 2
    return set(rows[:half]), rows[half:]


def _clear_margin(n: int, m: int) -> float:
    return _Z95 / 2 * sqrt(1 / n + 1 / m)


def _share_gap_limits(
    new: tuple[FloatArray, FloatArray], old: tuple[FloatArray, FloatArray], error: float
) -> FloatArray:
    """Lower limits of |share - share| of every event: the gap between two Clopper-Pearson intervals."""
    new_low, new_high = _shares_between(*new, error)
    old_low, old_high = _shares_between(*old, error)
    return np.maximum(new_low - old_high, old_low - new_high)


def _shares_between(counts: FloatArray, rows: FloatArray, error: float) -> tuple[FloatArray, FloatArray]:
    from scipy.special import betaincinv  # 0.2 s, and the command line imports this module

    low = np.where(counts == 0, 0.0, betaincinv(np.maximum(counts, 1), rows - counts + 1, error))
    return low, np.where(counts == rows, 1.0, 1 - betaincinv(np.maximum(rows - counts, 1), counts + 1, error))


def _at_most(point: float, *, missing: bool) -> str:
    if np.isinf(point):
        return "is missing"
    return f"is {'missing or ' if missing else ''}at most {point:.6g}"


def _is(name: str | None) -> str:
    return "is missing" if name is None else f"is '{name[:60]}'"
