"""How often the probes of a judge err: judges of known character, examined again and again.

A fair judge that is void is one error, a biased one whose own probe does not catch it the other. The answers that
people scored are drawn anew for every examination.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks._characters import OWN, Script, labelled_answers
from evaluation.judges.config import JudgeConfig, Mode
from evaluation.judges.judge import Judge
from evaluation.judges.standing import Standing, examine
from evaluation.types import Verdict

RUNS = 100
# Few labelled answers, and twice as many, which a fair judge needs more than a biased one that is to be caught.
FEW, MORE = 120, 240
POSITION, VERBOSITY, SELF = "position bias", "verbosity bias", "self-preference"
ITSELF, SHUFFLED = "agreement with itself", "lead over answers to other prompts"
# Who, its mode and script, and the trial that should tell.
Character = tuple[str, Mode, Mapping[str, Any], str | None]
CHARACTERS: tuple[Character, ...] = (
    ("fair, errs in 5 %", Mode.POINTWISE, {}, None),
    ("fair, errs in 15 %", Mode.POINTWISE, {"noise": 0.15}, None),
    ("likes length in 60 %", Mode.POINTWISE, {"likes": "length"}, VERBOSITY),
    ("likes length in 30 %", Mode.POINTWISE, {"likes": "length", "how_much": 0.3}, VERBOSITY),
    ("likes its own in 60 %", Mode.POINTWISE, {"likes": "own"}, SELF),
    ("answers at random", Mode.POINTWISE, {"noise": 1.0}, ITSELF),
    ("fair, errs in 5 %", Mode.PAIRWISE, {}, None),
    ("fair, errs in 15 %", Mode.PAIRWISE, {"noise": 0.15}, None),
    ("likes the first in 60 %", Mode.PAIRWISE, {"likes": "first"}, POSITION),
    ("likes the first in 30 %", Mode.PAIRWISE, {"likes": "first", "how_much": 0.3}, POSITION),
    ("likes length in 60 %", Mode.PAIRWISE, {"likes": "length"}, VERBOSITY),
    ("answers at random", Mode.PAIRWISE, {"noise": 1.0}, ITSELF),
)


def main() -> None:
    """Print, for every character, how often it is void, and how often its own probe does not pass."""
    print(f"{RUNS} examinations each; in pairwise mode labelled answers are pairs")
    print(
        f"{'judge':<26}{'mode':<11}{'labelled':>9}{'void':>8}{'its own trial tells':>21}   not passed, by trial"
    )
    for (name, mode, character, own), answers in cells():
        found = [examined(mode, character, answers, seed) for seed in range(RUNS)]
        void = sum(standing.problem is not None for standing in found) / RUNS
        told = sum(own in not_passed(standing) for standing in found) / RUNS
        by_trial = {
            trial: sum(trial in not_passed(standing) for standing in found) / RUNS
            for trial in sorted({trial for standing in found for trial in not_passed(standing)})
        }
        shown = ", ".join(f"{trial} {share:.0%}" for trial, share in by_trial.items())
        caught = "" if own is None else f"{told:.0%}"
        print(f"{name:<26}{mode.value:<11}{answers:>9}{void:>8.0%}{caught:>21}   {shown}", flush=True)


def cells() -> Iterator[tuple[Character, int]]:
    """Every character with few labelled answers, and the fair ones also with more."""
    for character in CHARACTERS:
        yield character, FEW
        if character[3] is None:
            yield character, MORE


def examined(mode: Mode, character: Mapping[str, Any], answers: int, seed: int) -> Standing:
    """One examination, of answers and errors of its own; the judge's model wrote half of the answers."""
    config = JudgeConfig.model_validate(
        {
            "name": "quality",
            "rubric": "Is the answer right?",
            "endpoint": {"url": "http://127.0.0.1:9/v1", "model": OWN},
            "mode": mode,
            "probes": {"seed": seed},
        }
    )
    each = 2 if mode is Mode.PAIRWISE else 1
    judge = Judge(config, config.rubric or "", Script(**character, seed=seed).ask)
    return examine(judge, labelled_answers(answers * each, each, seed), {OWN})


def not_passed(standing: Standing) -> set[str]:
    """Names of the trials that do not pass, without the measure in brackets."""
    return {trial.name.partition(" (")[0] for trial in standing.trials if trial.verdict is not Verdict.PASS}


if __name__ == "__main__":
    main()
