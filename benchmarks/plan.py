"""What `weighbridge plan` says, against what releases of an equally good model then do."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

RELEASES = 200
SEED = 20261121
EXAMPLES = Path(__file__).parents[1] / "examples"
# Rows at hand (None for the whole holdout) and the error on either side: a share of ten, and all of it.
FEW = 800
SITUATIONS = ((None, 0.005), (1500, 0.05))


@dataclass(frozen=True)
class Example:
    """A project's policy, its holdout, and two models that its training function made of different rows."""

    name: str
    policy: Any
    holdout: pl.DataFrame
    pilot: Any


def main() -> None:
    """Print for every check and the gate: predicted, seen in 200 releases, and the Monte Carlo error of both.

    Then, for every comparison with the champion: the rows that were said to give 80 %, and what passes on so many.
    About four minutes.
    """
    for name in ("lending", "flights"):
        example = open_example(name)
        for rows, level in SITUATIONS:
            started = time.perf_counter()
            compare(example, rows or example.holdout.height, level, RELEASES)
            print(f"  {time.perf_counter() - started:.0f} s")
        check_needed(example, FEW, 0.005, RELEASES)


def open_example(name: str, *, share: float = 0.8) -> Example:
    """Train the example's function twice, each time on another random share of its rows.

    Its seed alone makes no difference to the trees of these examples.
    """
    from evaluation.answers import Answers
    from evaluation.plan import columns_of
    from evaluation.types import Outputs
    from mlops.config import load_policy
    from mlops.data.load import load
    from mlops.training import entrypoint

    folder = EXAMPLES / name
    policy = load_policy(folder / "weighbridge.yaml")
    dataset, answers = load(folder, policy.data), []
    for seed in (1, 2):
        kept = np.random.default_rng(SEED + seed).random(dataset.train.height) < share
        rows = dataset.train.filter(pl.Series(kept))
        features, target = rows.select(dataset.features).to_pandas(), rows[policy.data.target].to_pandas()
        with entrypoint.entrypoint(policy.train.entrypoint, folder) as function:
            settings = {"seed": seed, "params": policy.train.params, "project_dir": folder}
            model = entrypoint.call(function, features, target, **settings)
        scores = model.predict_proba(dataset.evaluate.select(dataset.features).to_pandas())[:, 1]
        answers.append(Outputs((scores >= policy.gate.threshold).astype(np.int64), scores))
    times = np.random.default_rng(SEED).gamma(4, 2, (2, 400))
    target = dataset.evaluate[policy.data.target].to_numpy()
    frame = dataset.evaluate.select(columns_of(policy.gate))
    return Example(name, policy, dataset.evaluate, Answers(target, frame, *answers, *times, name=name))


def predict(example: Example, rows: int, level: float, runs: int) -> Any:
    """What `weighbridge plan` tells about the first rows of the holdout."""
    from evaluation.forecast.plan import forecast
    from evaluation.types import Allowance

    return forecast(
        task=example.policy.task,
        gate=example.policy.gate,
        frame=example.holdout[:rows],
        target=example.pilot.target[:rows],
        pilot=example.pilot,
        allowance=Allowance(0.05, level),
        runs=runs,
    )


def releases(example: Example, gate: Any, rows: int, level: float, runs: int) -> list[Any]:
    """Outcomes of releases of an equally good model, measured and decided as the product does."""
    from evaluation.forecast.pilot import identical_release
    from evaluation.gate.decide import decide
    from evaluation.run import measure
    from evaluation.types import Allowance

    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((SEED, rows))))
    outcomes = []
    for _ in range(runs):
        made = identical_release(example.pilot, rows, None, random)
        found = measure(
            made,
            task=example.policy.task,
            gate=gate,
            allowance=Allowance(0.05, level),
            overview=(),
        )
        outcomes.append(decide(found, gate))
    return outcomes


def compare(example: Example, rows: int, level: float, runs: int) -> list[tuple[str, float, float, float]]:
    """Print and give for the gate and every check: predicted, seen, and the standard error of their difference."""
    told = predict(example, rows, level, runs)
    outcomes = releases(example, example.policy.gate, rows, level, runs)
    print(f"plan: {example.name}, {rows:,} rows, error {level:.1%} on either side, {runs} releases")
    found = [("gate", told.chance, _passed([outcome.verdict for outcome in outcomes]))]
    for check in told.checks:
        verdicts = [each.verdict for outcome in outcomes for each in outcome.checks if _is(each, check)]
        found.append((f"{check.id} {check.comparison}", check.chance, _passed(verdicts)))
    print(f"  {'':72} predicted   seen   error   apart")
    results = []
    for name, predicted, seen in found:
        error = _error(predicted, seen, runs)
        print(
            f"  {name:72} {predicted:8.1%} {seen:7.1%} {error:7.1%} {abs(predicted - seen) / error:5.1f} se"
        )
        results.append((name, predicted, seen, error))
    return results


def check_needed(example: Example, few: int, level: float, runs: int) -> None:
    """Print what passes on as many rows as a plan for few rows said to give 80 %, for every comparison."""
    told = predict(example, few, level, runs)
    print(
        f"plan: {example.name}, {few} rows, error {level:.1%} on either side; what passes on the rows needed for 80 %"
    )
    for check in told.checks:
        if check.kind != "champion" or check.needed is None:
            continue
        lines = [line for line in example.policy.gate.checks if line.metric == check.metric]
        gate = example.policy.gate.model_copy(update={"checks": tuple(lines)})
        rows = math.ceil(few * check.needed / check.n)
        outcomes = releases(example, gate, rows, level, runs)
        seen = _passed([each.verdict for outcome in outcomes for each in outcome.checks if _is(each, check)])
        print(
            f"  {check.id:72} {check.needed:6,} rows {seen:7.1%} {math.sqrt(seen * (1 - seen) / runs):7.1%}"
        )


def _is(found: Any, check: Any) -> bool:
    return bool((found.id, found.comparison) == (check.id, check.comparison))


def _passed(verdicts: list[str]) -> float:
    return sum(verdict == "pass" for verdict in verdicts) / len(verdicts)


def _error(one: float, other: float, runs: int) -> float:
    """Standard error of the difference of two shares of runs; never 0, as none or all is not certain."""
    share = ((one + other) * runs + 2) / (2 * runs + 4)
    return math.sqrt(2 * share * (1 - share) / runs)


if __name__ == "__main__":
    main()
