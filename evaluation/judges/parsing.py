"""What a judge said, read strictly: a point of its scale, or why it is none."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.judges.config import JudgeConfig, Mode
from evaluation.judges.prompts import FIRST, REASON, SCORE, SECOND, WINNER, points
from evaluation.llm.values import Failed, Reply
from evaluation.types import FloatArray

NO_JSON = "no JSON of the form asked for"
OFF_SCALE = "off the scale"


@dataclass(frozen=True, eq=False)
class Read:
    """Answers of a judge as numbers, NaN where there is none, and why, (n,) each."""

    values: FloatArray
    problems: Sequence[str | None]


@dataclass(frozen=True)
class Failures:
    """How many of a judge's answers were none, by reason."""

    asked: int
    by_reason: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, problems: Sequence[str | None]) -> "Failures":
        """Counted, the commonest first.

        >>> print(Failures.of([None, "timeout", "off the scale", "timeout"]))
        3 of 4 answers of the judge count as failures: 2 timeout, 1 off the scale
        """
        counted = Counter(problem for problem in problems if problem is not None)
        return cls(len(problems), tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))))

    def __add__(self, other: "Failures") -> "Failures":
        counted = Counter(dict(self.by_reason))
        counted.update(dict(other.by_reason))
        ordered = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        return Failures(self.asked + other.asked, tuple(ordered))

    @property
    def count(self) -> int:
        """How many in all."""
        return sum(count for _, count in self.by_reason)

    def __str__(self) -> str:
        told = ", ".join(f"{count:,} {reason}" for reason, count in self.by_reason)
        head = f"{self.count:,} of {self.asked:,} answers of the judge count as failures"
        return f"{head}: {told}" if told else head


def read(judge: JudgeConfig, said: Sequence[Reply | Failed]) -> Read:
    """Scores, or for a pairwise judge 1 for the first answer, 0 for the second and 0.5 for a tie.

    Nothing is guessed: text around the JSON, a number as text, a number off the scale are failures, no scores.

    >>> judge = JudgeConfig(name="tone", rubric="Is it polite?")
    >>> def reply(text):
    ...     return Reply(text, None, None, 1.0, "stop", None)
    >>> read(judge, [reply('{"score": 4}'), reply("4"), reply('{"score": 7}')]).problems
    [None, 'no JSON of the form asked for', 'off the scale']
    """
    found = [_read(judge, each) for each in said]
    values = np.array([math.nan if isinstance(each, str) else each for each in found], dtype=np.float64)
    return Read(values, [each if isinstance(each, str) else None for each in found])


def _read(judge: JudgeConfig, said: Reply | Failed) -> float | str:
    if isinstance(said, Failed):
        return said.kind.value
    named = WINNER if judge.mode is Mode.PAIRWISE else SCORE
    try:
        found = json.loads(said.text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return NO_JSON
    if not isinstance(found, dict) or named not in found or not found.keys() <= {named, REASON}:
        return NO_JSON
    return _point(judge, found[named])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; two values for one key are no answer."""
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a key twice"
        raise ValueError(msg)
    return found


def _point(judge: JudgeConfig, said: object) -> float | str:
    # In Python true is 1 and 4.0 is 4; here they are not.
    matches = [
        place for place, point in enumerate(points(judge)) if type(point) is type(said) and point == said
    ]
    if not matches:
        return OFF_SCALE
    if judge.mode is Mode.PAIRWISE:
        return {FIRST: 1.0, SECOND: 0.0}.get(str(said), 0.5)
    return judge.scale.range[0] + matches[0]
