"""Probes of a judge: does it like the first place, empty words, its own answers, or does it answer at random?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.judges.agreement import agreement
from evaluation.judges.config import Measure, Mode, ProbesConfig
from evaluation.judges.judge import Judge, Preferences
from evaluation.judges.labelled import LabelledSet
from evaluation.judges.parsing import Failures
from evaluation.judges.prompts import Item, Pair
from evaluation.judges.trials import MAX_FAILED, Trial, gap, tried
from evaluation.stats.estimate import Settings
from evaluation.types import Estimate, FloatArray, IntArray, Verdict

# Two repeats agree by chance more often than three.
_REPEATS = 3
POSITION, VERBOSITY, SELF = "position bias", "verbosity bias", "self-preference"
REPEATS, SHUFFLED = "agreement with itself", "lead over answers to other prompts"


@dataclass(frozen=True, eq=False)
class Probed:
    """Trials of a judge, and the failures among the answers that they took."""

    trials: tuple[Trial, ...]
    failures: Failures


def probe_items(judge: Judge, labelled: LabelledSet, own: bool, settings: Settings) -> Probed:
    """All probes of a judge that scores single answers; own: whether its model wrote some of what is compared.

    labelled: at most as many answers as the policy asks for.
    """
    bounds, random = judge.config.probes, generator(judge.config.probes)
    items = labelled.items
    plain = judge.score(items, _REPEATS)
    padded = judge.score([replace(item, answer=pad(item.answer, bounds, random)) for item in items], 1)
    units = _several(labelled.prompts)
    first = plain.repeats[:, 0]
    trials = [
        _verbosity(gap(_share(judge, padded.values), _share(judge, first), settings, units), bounds),
        _itself(
            plain.repeats - judge.config.range[0], len(judge.config.scale.points), bounds, settings, units
        ),
    ]
    failures = plain.failures + padded.failures
    if bounds.shuffled is not None:
        other = judge.score(_strangers(labelled, random), 1)
        ahead = gap(_share(judge, first), _share(judge, other.values), settings, units)
        trials.append(tried(SHUFFLED, ahead, at_least=bounds.shuffled))
        failures += other.failures
    if own:
        mine, theirs = _equally_good(judge, labelled, random)
        share = _share(judge, plain.values)
        trials.append(_self_preference(gap(share[mine], share[theirs], settings), bounds))
    return Probed(tuple(trials), failures)


def probe_pairs(judge: Judge, labelled: LabelledSet, own: bool, settings: Settings) -> Probed:
    """All probes of a judge that compares; position bias is of two answers to one prompt, asked in both orders.

    labelled: all answers, of which at most as many pairs as the policy asks for are taken.
    """
    bounds, random = judge.config.probes, generator(judge.config.probes)
    chosen, units = pairs_of(labelled, random, bounds.items)
    plain = judge.prefer([pair(labelled, *each) for each in chosen], _REPEATS)
    firsts = labelled.take([first for first, _ in chosen])
    items, item_units = firsts.items, _several(firsts.prompts)
    padded = judge.prefer(
        [Pair(item.prompt, pad(item.answer, bounds, random), item.answer, item.reference) for item in items],
        1,
    )
    trials = [
        position(plain, settings, units, bounds),
        _verbosity(gap(padded.values, 1 - padded.values, settings, item_units), bounds),
        _itself(_raw(plain), 3, bounds, settings, units),
    ]
    failures = plain.failures + padded.failures
    if bounds.shuffled is not None:
        strangers = _strangers(firsts, random)
        against = [
            Pair(item.prompt, item.answer, stranger.answer, item.reference)
            for item, stranger in zip(items, strangers, strict=True)
        ]
        found = judge.prefer(against, 1)
        trials.append(
            tried(
                SHUFFLED,
                gap(found.values, 1 - found.values, settings, item_units),
                at_least=bounds.shuffled,
            )
        )
        failures += found.failures
    if own:
        mine, theirs = _equally_good(judge, labelled, random)
        found = judge.prefer([pair(labelled, *each) for each in zip(mine, theirs, strict=True)], 1)
        trials.append(_self_preference(gap(found.values, 1 - found.values, settings), bounds))
        failures += found.failures
    return Probed(tuple(trials), failures)


def position(found: Preferences, settings: Settings, units: IntArray | None, bounds: ProbesConfig) -> Trial:
    """By how much more the place shown first wins, over both orders, which cancel what the answers are worth."""
    first = found.shown_first.mean(axis=(1, 2))
    bias = gap(first, 1 - first, settings, units)
    return tried(POSITION, bias, at_least=-bounds.position, at_most=bounds.position)


def pad(answer: str, bounds: ProbesConfig, random: np.random.Generator) -> str:
    """The same answer between empty sentences, about as long again and at least one on either side.

    >>> bounds = ProbesConfig()
    >>> pad("Yes.", bounds, generator(bounds)).count(".") >= 3
    True
    """
    order = [bounds.padding[place] for place in random.permutation(len(bounds.padding))]
    before, after, words = [order[0]], [order[1]], len(answer.split())
    said, place = len(" ".join(before + after).split()), 2
    while said < words:
        (before if place % 2 else after).append(order[place % len(order)])
        said += len(order[place % len(order)].split())
        place += 1
    return "\n".join([" ".join(before), answer, " ".join(after)])


def generator(bounds: ProbesConfig) -> np.random.Generator:
    """Random numbers of the probes."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(bounds.seed)))


def pairs_of(
    labelled: LabelledSet, random: np.random.Generator, most: int | None = None
) -> tuple[list[tuple[int, int]], IntArray | None]:
    """Two answers to one prompt at a time, each answer once, in random order, and the prompts as units.

    most: no more pairs than this; None for all.
    """
    order = random.permutation(len(labelled.items))
    prompts = labelled.prompts
    waiting: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    for row in order.tolist():
        prompt = int(prompts[row])
        if prompt in waiting:
            found.append((waiting.pop(prompt), row))
        else:
            waiting[prompt] = row
    found = found[:most]
    return found, _several(prompts[[first for first, _ in found]]) if found else None


def pair(labelled: LabelledSet, first: int, second: int) -> Pair:
    """Two rows of a labelled set as a pair."""
    one, two = labelled.items[first], labelled.items[second]
    return Pair(one.prompt, one.answer, two.answer, one.reference or two.reference)


def _verbosity(found: Estimate, bounds: ProbesConfig) -> Trial:
    return tried(VERBOSITY, found, at_most=bounds.verbosity)


def _self_preference(found: Estimate, bounds: ProbesConfig) -> Trial:
    return tried(SELF, found, at_most=bounds.self_preference)


def _itself(
    repeats: FloatArray, points: int, bounds: ProbesConfig, settings: Settings, units: IntArray | None
) -> Trial:
    """Krippendorff's alpha between the repeats of one question, codes (n, r)."""
    found = agreement(Measure.ORDINAL_ALPHA, repeats, points, settings, units)
    failed = float(np.isnan(repeats).mean()) if repeats.size else 0.0
    if failed > MAX_FAILED:
        found = replace(found, problem=f"{failed:.0%} of the judge's answers are failures")
    return tried(REPEATS, found, at_least=bounds.repeats)


def _raw(found: Preferences) -> FloatArray:
    """Each order's own answers as codes 0, 1, 2, (pairs, repeats): as the judge gave them, before ties are made."""
    return np.asarray(2 * found.shown_first[..., 0])


def _share(judge: Judge, values: FloatArray) -> FloatArray:
    """Scores as shares of the scale."""
    low, high = judge.config.range
    return (values - low) / (high - low)


def _several(units: IntArray) -> IntArray | None:
    return units if len(np.unique(units)) < len(units) else None


def _strangers(labelled: LabelledSet, random: np.random.Generator) -> list[Item]:
    """Every prompt with the answer to another one, where there is another."""
    prompts, n = labelled.prompts, len(labelled.items)
    found = []
    for row in range(n):
        others = np.flatnonzero(prompts != prompts[row])
        other = int(random.choice(others)) if len(others) else row
        found.append(replace(labelled.items[row], answer=labelled.items[other].answer))
    return found


def _equally_good(
    judge: Judge, labelled: LabelledSet, random: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Answers of the judge's own model, and of others that people found as good, each once; pairs to one prompt.

    A judge of single answers needs no common prompt, and gets pairs from all that are equally good.
    """
    own = judge.config.endpoint.model
    kinds: dict[tuple[object, ...], tuple[list[int], list[int]]] = {}
    for row in random.permutation(len(labelled.items)).tolist():
        model = labelled.models[row]
        if model is None:
            continue
        prompt = int(labelled.prompts[row]) if judge.config.mode is Mode.PAIRWISE else 0
        mine, theirs = kinds.setdefault((float(labelled.means[row]), prompt), ([], []))
        (mine if model == own else theirs).append(row)
    matched = [each for mine, theirs in kinds.values() for each in zip(mine, theirs, strict=False)]
    return [mine for mine, _ in matched], [theirs for _, theirs in matched]


def failed(trials: Sequence[Trial]) -> list[Trial]:
    """Those that do not pass."""
    return [trial for trial in trials if trial.verdict is not Verdict.PASS]
