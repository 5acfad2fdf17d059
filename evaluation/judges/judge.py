"""A judge at work: scores of answers, preferences between answers, and what could not be had."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from evaluation.judges.config import JudgeConfig
from evaluation.judges.parsing import Failures, Read, read
from evaluation.judges.prompts import Item, Pair, ask_item, ask_pair, points, sampling, template
from evaluation.llm.values import Ask, Failed, Reply
from evaluation.types import FloatArray

Asking = Callable[[Sequence[Ask]], Sequence[Reply | Failed]]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a judge said of n items, each asked r times.

    values: (n,) the mean over an item's repeats, NaN where not more than half of them are scores.
    repeats: (n, r), NaN for a failure. problems: (n,) the commonest failure where there is no value.
    """

    values: FloatArray
    repeats: FloatArray
    problems: Sequence[str | None]
    failures: Failures


@dataclass(frozen=True, eq=False)
class Preferences(Scores):
    """What a pairwise judge said of n pairs: 1 where the first of a pair wins, 0 where it loses, 0.5 for a tie.

    shown_first: (n, r, 2) what the place shown first got, in the pair's own order and in the other. An answer
    wins only if it does in both orders; a pair of which they say different things is a tie.
    """

    shown_first: FloatArray

    @property
    def inconsistent(self) -> float | None:
        """Share of the questions that were answered in both orders where the orders disagree; None without any."""
        both = self.shown_first[np.isfinite(self.shown_first).all(axis=2)]
        return float((both[:, 0] != 1 - both[:, 1]).mean()) if len(both) else None


@dataclass(frozen=True, eq=False)
class Judge:
    """A judge as the policy names it, its rubric, and who asks its model.

    ask: takes requests and gives as many replies or failures, in order, such as `Endpoint.ask_now`.
    """

    config: JudgeConfig
    rubric: str
    ask: Asking

    @property
    def digest(self) -> str:
        """What was judged by two different digests is not comparable: prompt, rubric, scale, model, sampling."""
        return digest(self.config, self.rubric)

    def score(self, items: Sequence[Item], repeats: int | None = None) -> Scores:
        """Score every item, so many times; by default as often as the policy says."""
        times = repeats or self.config.repeats
        asks = [ask_item(self.config, self.rubric, item, repeat) for item in items for repeat in range(times)]
        found = self._asked(asks)
        return _scores(found, found.values.reshape(len(items), times), times)

    def prefer(self, pairs: Sequence[Pair], repeats: int | None = None) -> Preferences:
        """Compare every pair in both orders, so many times; by default as often as the policy says."""
        times = repeats or self.config.repeats
        asks = [
            ask_pair(self.config, self.rubric, shown, repeat)
            for pair in pairs
            for repeat in range(times)
            for shown in (pair, pair.swapped)
        ]
        found = self._asked(asks)
        shown_first = found.values.reshape(len(pairs), times, 2)
        one, other = shown_first[..., 0], 1 - shown_first[..., 1]
        settled = np.where(np.isnan(one + other), np.nan, np.where(one == other, one, 0.5))
        scores = _scores(found, settled, 2 * times)
        return Preferences(scores.values, scores.repeats, scores.problems, scores.failures, shown_first)

    def _asked(self, asks: Sequence[Ask]) -> Read:
        said = self.ask(asks)
        if len(said) != len(asks):
            msg = f"{len(said):,} replies to {len(asks):,} requests"
            raise ValueError(msg)
        return read(self.config, said)


def digest(judge: JudgeConfig, rubric: str) -> str:
    """SHA-256 over all that decides what a judge says, its address included, as 64 hex digits; its name does not count.

    >>> judge = JudgeConfig(name="tone", rubric="Is it polite?")
    >>> digest(judge, "Is it polite?") == digest(judge.model_copy(update={"name": "manners"}), "Is it polite?")
    True
    >>> digest(judge, "Is it polite?") == digest(judge, "Is it kind?")
    False
    """
    pinned = {
        "template": template(judge.mode),
        "rubric": rubric,
        "mode": judge.mode.value,
        "points": points(judge),
        "url": judge.endpoint.url,
        "model": judge.endpoint.model,
        "sampling": asdict(sampling(judge)),
        "reasons": judge.reasons,
        "repeats": judge.repeats,
    }
    told = json.dumps(pinned, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(told.encode()).hexdigest()


def not_comparable(name: str, challenger: str | None, champion: str | None) -> str | None:
    """Why scores of a judge with one digest can't be compared with those of another, or None.

    >>> not_comparable("tone", "ab" * 32, "cd" * 32)
    "judge 'tone' has changed since (prompt, rubric, model or sampling): abababababab now, cdcdcdcdcdcd then"
    """
    if challenger == champion:
        return None
    now, then = ((found or "unknown")[:12] for found in (challenger, champion))
    return f"judge '{name}' has changed since (prompt, rubric, model or sampling): {now} now, {then} then"


def _scores(found: Read, repeats: FloatArray, asked_each: int) -> Scores:
    had = np.isfinite(repeats)
    enough = had.sum(axis=1) * 2 > repeats.shape[1]
    total = np.where(had, repeats, 0.0).sum(axis=1)
    values = np.full(len(repeats), np.nan)
    np.divide(total, had.sum(axis=1), out=values, where=enough)
    problems = [
        None if good else _commonest(found.problems[start : start + asked_each])
        for good, start in zip(enough, range(0, len(found.problems), asked_each), strict=True)
    ]
    return Scores(values, repeats, problems, Failures.of(found.problems))


def _commonest(problems: Sequence[str | None]) -> str:
    return "the judge's answer: " + Failures.of(problems).by_reason[0][0]
