"""Whether a judge can be believed: its agreement with people and its probes, all of which must pass."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.judges.agreement import agreement
from evaluation.judges.config import JudgeConfig, Measure, Mode
from evaluation.judges.judge import Judge
from evaluation.judges.labelled import LabelledSet
from evaluation.judges.parsing import Failures
from evaluation.judges.probes import generator, pair, pairs_of, probe_items, probe_pairs
from evaluation.judges.trials import MAX_FAILED, Trial, tried
from evaluation.stats.estimate import Settings
from evaluation.types import Estimate, FloatArray, IntArray, Verdict

# Below so many answers or pairs nothing is told of a judge.
MIN_ITEMS = 30
AGREEMENT, PEOPLE = "agreement with people", "agreement of people"
# The second answer of a pair, neither, the first.
_PREFERENCES = 3
_NOBODY_SCORED = "no answers that people scored; name a file under `labelled`"


@dataclass(frozen=True)
class Standing:
    """What is known of a judge; `problem` says why its scores are void, None where they count."""

    judge: str
    digest: str
    model: str
    rubric: str
    trials: tuple[Trial, ...]
    failures: Failures
    problem: str | None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the record."""
        return {
            "judge": self.judge,
            "digest": self.digest,
            "model": self.model,
            "rubric": self.rubric,
            "problem": self.problem,
            "trials": [trial.as_json() for trial in self.trials],
            "asked": self.failures.asked,
            "failures": dict(self.failures.by_reason),
        }


def examine(judge: Judge, labelled: LabelledSet | None, candidates: Collection[str] = ()) -> Standing:
    """Try a judge on answers that people scored; candidates: the models whose answers it will be asked about.

    Every trial must pass. One that fails, or that these answers are too few for, makes all scores of the judge
    void, and so does having no labelled answers. A judge that is void anyway is not asked.
    """
    config = judge.config
    problem = void_anyway(config, labelled)
    if labelled is None or problem is not None:
        return _standing(judge, (), Failures(0), problem)
    settings = _settings(config)
    own = config.endpoint.model in candidates
    if config.mode is Mode.POINTWISE:
        agreed, failures = _agreed_on_items(judge, labelled, settings)
        kept = generator(config.probes).permutation(len(labelled.items))[: config.probes.items]
        probed = probe_items(judge, labelled.take(np.sort(kept)), own, settings)
    else:
        agreed, failures = _agreed_on_pairs(judge, labelled, settings)
        probed = probe_pairs(judge, labelled, own, settings)
    trials = (*agreed, *probed.trials)
    failures += probed.failures
    against = [trial.reason for trial in trials if trial.verdict is not Verdict.PASS]
    if failures.count > MAX_FAILED * failures.asked:
        against.insert(0, str(failures))
    problem = _void(config, "; ".join(against)) if against else None
    return _standing(judge, trials, failures, problem)


def void_anyway(config: JudgeConfig, labelled: LabelledSet | None) -> str | None:
    """Why a judge is void whatever it says, None where that is open: what people scored tells too little.

    >>> void_anyway(JudgeConfig(name="tone", rubric="Is it polite?"), None)
    "judge 'tone' is void: no answers that people scored; name a file under `labelled`"
    """
    if labelled is None:
        return _void(config, _NOBODY_SCORED)
    units: IntArray | None = labelled.prompts
    people, kinds = _on_items(config, labelled), len(config.scale.points)
    if config.mode is Mode.PAIRWISE:
        chosen, units = pairs_of(labelled, generator(config.probes))
        people, kinds = _on_pairs(labelled, chosen), _PREFERENCES
    # Of a judge that says just what people say, no trial can be told that can't be told of people.
    told = _agreement(config, np.stack([people, people], axis=1), kinds, units, _settings(config))
    return _void(config, told.reason) if told.estimate.problem is not None else None


def _settings(config: JudgeConfig) -> Settings:
    unit = "answer" if config.mode is Mode.POINTWISE else "pair"
    return Settings(config.confidence, seed=config.probes.seed, min_rows=MIN_ITEMS, unit=unit)


def _void(config: JudgeConfig, why: str) -> str:
    return f"judge '{config.name}' is void: {why}"


def _standing(judge: Judge, trials: tuple[Trial, ...], failures: Failures, problem: str | None) -> Standing:
    config = judge.config
    return Standing(config.name, judge.digest, config.endpoint.model, judge.rubric, trials, failures, problem)


def _agreed_on_items(
    judge: Judge, labelled: LabelledSet, settings: Settings
) -> tuple[tuple[Trial, ...], Failures]:
    """Judge and people, and, only told, people among themselves where several scored."""
    low, kinds = judge.config.range[0], len(judge.config.scale.points)
    found = judge.score(labelled.items)
    said = np.stack([_on_items(judge.config, labelled), np.ceil(found.values - low - 0.5)], axis=1)
    trial = _agreement(judge.config, said, kinds, labelled.prompts, settings)
    if len(labelled.raters) < 2:
        return (trial,), found.failures
    among = agreement(_alpha_of(judge), labelled.ratings - low, kinds, settings, labelled.prompts)
    return (trial, Trial(PEOPLE, among, Verdict.PASS, _told(among))), found.failures


def _agreed_on_pairs(
    judge: Judge, labelled: LabelledSet, settings: Settings
) -> tuple[tuple[Trial, ...], Failures]:
    """Which of two answers is better: what the judge says, and what follows from people's scores."""
    chosen, units = pairs_of(labelled, generator(judge.config.probes))
    found = judge.prefer([pair(labelled, *each) for each in chosen])
    settled = np.where(found.values == 0.5, 1.0, np.where(found.values > 0.5, 2.0, 0.0))
    said = np.stack([_on_pairs(labelled, chosen), np.where(np.isnan(found.values), np.nan, settled)], axis=1)
    return (_agreement(judge.config, said, _PREFERENCES, units, settings),), found.failures


def _on_items(config: JudgeConfig, labelled: LabelledSet) -> FloatArray:
    """The middle of what people say of each answer, as codes from 0."""
    return labelled.ratings_middle - config.range[0]


def _on_pairs(labelled: LabelledSet, chosen: Sequence[tuple[int, int]]) -> FloatArray:
    """Which of two answers people's scores prefer: 0 for the second, 1 for neither, 2 for the first."""
    means = labelled.means
    return np.array([1 + np.sign(means[one] - means[two]) for one, two in chosen], dtype=np.float64)


def _agreement(
    judge: JudgeConfig, said: FloatArray, kinds: int, units: IntArray | None, settings: Settings
) -> Trial:
    config = judge.agreement
    found = agreement(config.measure, said, kinds, settings, units)
    if not len(said):
        found = replace(found, problem=f"no {settings.unit}s that people scored")
    gone = int(np.isnan(said[:, 1]).sum())
    if gone > MAX_FAILED * len(said):
        found = replace(
            found, problem=f"the judge gave no score for {gone:,} of {len(said):,} {settings.unit}s"
        )
    name = f"{AGREEMENT} ({config.measure.value.replace('_', ' ')})"
    return tried(name, found, at_least=config.at_least)


def _alpha_of(judge: Judge) -> Measure:
    """Several raters have no kappa."""
    measure = judge.config.agreement.measure
    return measure if measure.value.endswith("alpha") else Measure.ORDINAL_ALPHA


def _told(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return f"{PEOPLE} can't be told: {found.problem}"
    return f"{PEOPLE} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}, {found.n:,} {found.unit}s)"
