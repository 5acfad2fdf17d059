"""Whether a judge can be believed: its agreement with people and its probes, all of which must pass."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.judges.agreement import agreement
from evaluation.judges.config import Measure, Mode
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
    void, and so does having no labelled answers.
    """
    config = judge.config
    if labelled is None:
        return _void(judge, "no answers that people scored; name a file under `labelled`")
    settings = Settings(config.confidence, seed=config.probes.seed, min_rows=MIN_ITEMS, unit="answer")
    own = config.endpoint.model in candidates
    if config.mode is Mode.POINTWISE:
        agreed, failures = _agreed_on_items(judge, labelled, settings)
        kept = generator(config.probes).permutation(len(labelled.items))[: config.probes.items]
        probed = probe_items(judge, labelled.take(np.sort(kept)), own, settings)
    else:
        settings = replace(settings, unit="pair")
        agreed, failures = _agreed_on_pairs(judge, labelled, settings)
        probed = probe_pairs(judge, labelled, own, settings)
    trials = (*agreed, *probed.trials)
    failures += probed.failures
    against = [trial.reason for trial in trials if trial.verdict is not Verdict.PASS]
    if failures.count > MAX_FAILED * failures.asked:
        against.insert(0, str(failures))
    problem = f"judge '{config.name}' is void: {'; '.join(against)}" if against else None
    return _standing(judge, trials, failures, problem)


def _void(judge: Judge, why: str) -> Standing:
    return _standing(judge, (), Failures(0), f"judge '{judge.config.name}' is void: {why}")


def _standing(judge: Judge, trials: tuple[Trial, ...], failures: Failures, problem: str | None) -> Standing:
    config = judge.config
    return Standing(config.name, judge.digest, config.endpoint.model, judge.rubric, trials, failures, problem)


def _agreed_on_items(
    judge: Judge, labelled: LabelledSet, settings: Settings
) -> tuple[tuple[Trial, ...], Failures]:
    """Judge and people, and, only told, people among themselves where several scored."""
    low, kinds = judge.config.range[0], len(judge.config.scale.points)
    found = judge.score(labelled.items)
    said = np.stack([labelled.ratings_middle - low, np.ceil(found.values - low - 0.5)], axis=1)
    trial = _agreement(judge, said, kinds, labelled.prompts, settings)
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
    means = labelled.means
    people = np.array([1 + np.sign(means[one] - means[two]) for one, two in chosen])
    settled = np.where(found.values == 0.5, 1.0, np.where(found.values > 0.5, 2.0, 0.0))
    said = np.stack([people, np.where(np.isnan(found.values), np.nan, settled)], axis=1)
    return (_agreement(judge, said.reshape(-1, 2), 3, units, settings),), found.failures


def _agreement(
    judge: Judge, said: FloatArray, kinds: int, units: IntArray | None, settings: Settings
) -> Trial:
    config = judge.config.agreement
    found = agreement(config.measure, said, kinds, settings, units)
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
