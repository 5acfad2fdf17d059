"""What was found in texts, without the texts: counts, and which rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.types import IntArray, Verdict

Mask = NDArray[np.bool_]
_SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One check of texts; `message` is one plain sentence, `detail` holds JSON values only and never a text."""

    name: str
    verdict: Verdict
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Hits:
    """Which of n texts of one column are concerned, as a mask (n,), and by what.

    numbers: (n,) their rows in the table; None where they are all of it.
    """

    where: str
    rows: Mask
    what: str
    numbers: IntArray | None = None

    @property
    def share(self) -> float:
        """Of all n; 0 where there are none."""
        return float(self.rows.mean()) if len(self.rows) else 0.0

    @property
    def first(self) -> list[int]:
        """The first rows of the table that are concerned, ten at most."""
        found = np.flatnonzero(self.rows)[:_SHOWN]
        return [int(row) for row in (found if self.numbers is None else self.numbers[found])]

    @property
    def told(self) -> str:
        """The count in words, such as `3 of 100 descriptions in train: ...`."""
        return f"{int(self.rows.sum()):,} of {len(self.rows):,} {self.where} {self.what}"


def finding(name: str, hits: Sequence[Hits], at_most: float, fine: str) -> Finding:
    """Pass where no column has a larger share of hits than allowed; the first rows of each are named by number.

    >>> hits = [Hits("references", np.array([True, False]), "are empty")]
    >>> finding("text length", hits, 0.1, "all of fair length").message
    '1 of 2 references are empty'
    """
    worst = [each for each in hits if each.share > at_most]
    some = [each.told for each in hits if each.rows.any()]
    detail = {
        f"{each.where} {each.what}": {
            "rows": int(each.rows.sum()),
            "of": len(each.rows),
            "first": each.first,
        }
        for each in hits
    }
    verdict = Verdict.FAIL if worst else Verdict.PASS
    told = "; ".join([each.told for each in worst] or some) or fine
    return Finding(name, verdict, told, {"at_most": at_most, "found": detail})
