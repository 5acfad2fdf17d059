"""Which of several candidates may be the best, with a bound on the chance to leave the best one out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from evaluation.errors import UserError
from evaluation.gate.outlook import two_digits
from evaluation.metrics.base import Metric, Need, Sample
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.stats.power import needed_units
from evaluation.types import Direction, Estimate, Task

_OF_ROWS = frozenset({Need.SCORES, Need.TWO_CLASSES, Need.JUDGE})


class Place(StrEnum):
    """What was found about a candidate."""

    BEST = "best"
    OPEN = "may be best"
    BEATEN = "beaten"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate's answers to the cases, the same n for all, or why they can't be compared."""

    name: str
    sample: Sample | None
    problem: str | None = None


@dataclass(frozen=True)
class Standing:
    """Where one candidate stands.

    estimate: its own value, limits each at the error of the whole choice. difference: this candidate less `against`,
    which is whoever beats it, or else the leader; limits at the level of one comparison. needed: cases that would
    tell the two apart four times in five, were the difference what it looks like; None where that is out of reach.
    """

    name: str
    place: Place
    estimate: Estimate
    against: str | None = None
    difference: Estimate | None = None
    needed: int | None = None


@dataclass(frozen=True)
class Choice:
    """What the comparison of k candidates found, best value first.

    error: the chance that the truly best of those compared is marked beaten is at most this. level: the error of
    either limit of one difference, error / (k - 1).
    """

    metric: str
    direction: Direction
    error: float
    level: float
    standings: tuple[Standing, ...]

    @property
    def best(self) -> str | None:
        """The one that all others are beaten by; None where several may be best, or nothing was compared."""
        return next((found.name for found in self.standings if found.place is Place.BEST), None)

    @property
    def open(self) -> tuple[str, ...]:
        """Those that cannot be told apart yet, the leading one first."""
        return tuple(found.name for found in self.standings if found.place is Place.OPEN)

    @property
    def needed(self) -> int | None:
        """Cases that would tell the leader from every other that may be best; None where that is out of reach."""
        others = [found.needed for found in self.standings if found.place is Place.OPEN and found.against]
        known = [cases for cases in others if cases is not None]
        return max(known) if known and len(known) == len(others) else None


def require_choosable(metric: Metric, task: Task) -> None:
    """Raise UserError for a metric that cannot decide between candidates on the rows of a task."""
    problem = None
    if task not in metric.tasks:
        problem = f"is not a metric of task {task}"
    elif not metric.ranked:
        problem = "has no better side"
    elif not metric.needs <= _OF_ROWS:
        problem = f"needs {' and '.join(sorted(metric.needs - _OF_ROWS))}"
    if problem is not None:
        raise UserError(
            f"compare.by: {metric.name} {problem}",
            expected=f"a metric of every {task} answer that is better high, or better low",
            next_step="see `weighbridge metrics`; others go under compare.show",
        )


def choose(candidates: Sequence[Candidate], metric: Metric, settings: Settings) -> Choice:
    """Find the candidates that may be the best.

    One is beaten where, for some other, the limit of their paired difference lies on the worse side of 0. The truly
    best candidate is beaten only if one of its k - 1 limits errs, each at the settings' error / (k - 1): it is among
    those left with at least the settings' confidence, whatever the candidates have in common (Bonferroni's bound). A
    difference that cannot be judged beats nobody.

    Source: Hsu 1984, "Constrained simultaneous confidence intervals for multiple comparisons with the best", Annals
    of Statistics 12, of which this is the form without a common variance.

    >>> import numpy as np
    >>> from evaluation.metrics.builtin import find_metric
    >>> truth = np.tile([0, 1], 100)
    >>> right, wrong = Sample(truth, truth), Sample(truth, np.where(np.arange(200) < 60, 1 - truth, truth))
    >>> choose([Candidate("a", wrong), Candidate("b", right)], find_metric("accuracy"), Settings()).best
    'b'
    """
    # Without what 1 - 0.95 leaves in the last digits.
    error = round(settings.level, 12)
    level = error / max(1, len(candidates) - 1)
    own = _own(candidates, metric, settings)
    compared = [one for one in candidates if own[one.name].value is not None]
    sign = 1 if metric.direction is Direction.HIGHER_IS_BETTER else -1
    compared.sort(key=lambda one: -sign * (own[one.name].value or 0.0))
    names = [one.name for one in compared]
    found = _differences(compared, metric, replace(settings, confidence=1 - level))
    left = [
        name
        for name in names
        if not any(_beats(found[name, other], sign) for other in names if other != name)
    ]
    # Should everyone be beaten by someone, nobody was told apart.
    left = left or names
    standings = [_standing(name, names, left, own, found, sign, level) for name in names]
    gone = (
        Standing(one.name, Place.NOT_COMPARED, own[one.name]) for one in candidates if one.name not in names
    )
    return Choice(metric.name, metric.direction, error, level, (*standings, *gone))


_Differences = Mapping[tuple[str, str], Estimate]


def _own(candidates: Sequence[Candidate], metric: Metric, settings: Settings) -> dict[str, Estimate]:
    asked = [(one.name, one.sample) for one in candidates if one.sample is not None and one.problem is None]
    answers = estimate([Question(metric, sample) for _, sample in asked], settings)
    found = {name: answer.estimate for (name, _), answer in zip(asked, answers, strict=True)}
    missing = {
        one.name: Estimate.missing(
            one.problem or "no answers", n=0, confidence=settings.confidence, unit=settings.unit
        )
        for one in candidates
        if one.name not in found
    }
    return found | missing


def _differences(compared: Sequence[Candidate], metric: Metric, settings: Settings) -> _Differences:
    """The difference of every two, one less the other, either way round."""
    pairs = list(combinations(compared, 2))
    answers = estimate(
        [Question(metric, one.sample, other.sample) for one, other in pairs if one.sample is not None],
        settings,
    )
    found = {}
    for (one, other), answer in zip(pairs, answers, strict=True):
        found[one.name, other.name] = answer.estimate
        found[other.name, one.name] = _turned(answer.estimate)
    return found


def _turned(difference: Estimate) -> Estimate:
    value, low, high = (
        None if number is None else 0.0 - number
        for number in (difference.value, difference.high, difference.low)
    )
    return replace(difference, value=value, low=low, high=high)


def _beats(difference: Estimate, sign: int) -> bool:
    """Whether a difference to another candidate says that the other is better."""
    if not difference.usable or difference.high is None or difference.low is None:
        return False
    return difference.high < 0 if sign > 0 else difference.low > 0


def _standing(  # noqa: PLR0913, PLR0917 - one for each thing that was found
    name: str,
    names: Sequence[str],
    left: Sequence[str],
    own: Mapping[str, Estimate],
    found: _Differences,
    sign: int,
    level: float,
) -> Standing:
    if name not in left:
        winner = next(other for other in names if other != name and _beats(found[name, other], sign))
        return Standing(name, Place.BEATEN, own[name], winner, found[name, winner])
    if len(left) == 1:
        return Standing(name, Place.BEST if len(names) > 1 else Place.OPEN, own[name])
    leader = left[0]
    if name == leader:
        return Standing(name, Place.OPEN, own[name])
    difference = found[name, leader]
    return Standing(name, Place.OPEN, own[name], leader, difference, _needed(difference, level))


def _needed(difference: Estimate, level: float) -> int | None:
    if not difference.usable or difference.value is None or difference.low is None or difference.high is None:
        return None
    needed = needed_units(difference.value, difference.low, difference.high, difference.n, level, 0.0)
    return None if needed is None else two_digits(needed)
