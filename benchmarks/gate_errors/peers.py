"""Other gates on the same simulated data, in an environment of their own (`make peers`).

Run by `python -m benchmarks.gate_errors`, which writes cells as JSON lines to this program and reads how often each
gate passed and failed them. It needs NumPy, statgate and evalsig, and nothing of Weighbridge.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_errors import worlds

# 5 % on either side: statgate's interval is two-sided, evalsig's test has one side.
_TWO_SIDED, _ONE_SIDED = 0.10, 0.05
_RESAMPLES = 2000
# What is compared: a score for every case, several to one case as (cases, each).
_Pair = tuple[NDArray[Any], NDArray[Any]]
_Gate = Callable[[NDArray[Any], NDArray[Any], float], str]


def main() -> None:
    """Answer every line, a cell with its gate, by one line of counts."""
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.process_time()
        gate = _GATES[asked["gate"]]
        said = Counter(gate(*pair, asked["tolerance"]) for pair in _pairs(asked))
        answer = {"pass": said["pass"], "fail": said["fail"], "cpu_s": time.process_time() - started}
        print(json.dumps(answer), flush=True)


def _pairs(asked: dict[str, Any]) -> Iterator[_Pair]:
    """Challenger and champion of every run; the first runs of the cell of the same number."""
    random, runs, d = worlds.generator(asked["number"]), asked["runs"], asked["d"]
    if asked["world"] == "accuracy":
        drawn = worlds.paired_counts(random, asked["of"], asked["n"], asked["psi"], d)
        for counts in drawn[:runs]:
            yield worlds.right_answers(counts)
    elif asked["world"] == "prompts":
        spread = asked["spread"]
        for _ in range(runs):
            # The cell's score is an error to be kept small; here more is better.
            mine, theirs = worlds.prompts(random, asked["n"], asked["each"], -d, spread)
            yield -mine, -theirs
    else:
        paths = worlds.looks(random, tuple(asked["looks"]), asked["psi"], d)
        for _ in range(runs):
            yield _in_order(next(paths), random)


def _in_order(path: NDArray[Any], random: np.random.Generator) -> _Pair:
    """All rows up to the last look, those of every look in a random order."""
    parts = []
    for counts in np.diff(path, axis=0, prepend=0):
        mine, theirs = worlds.right_answers(counts)
        order = random.permutation(len(mine))
        parts.append((mine[order], theirs[order]))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _statgate(mine: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> str:
    from statgate import GateSettings, evaluate_gate

    # The permutation test is shown and decides nothing, so it is kept short.
    settings = GateSettings(
        alpha=_TWO_SIDED, margin=tolerance, resamples=_RESAMPLES, permutations=100, seed=1
    )
    report = evaluate_gate(_records(theirs), _records(mine), settings)
    return _PLAIN[report.verdict.value]


def _statgate_sequential(mine: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> str:
    from statgate import GateSettings, SequentialSettings
    from statgate.sequential_runner import run_replay

    settings = GateSettings(alpha=_TWO_SIDED, margin=tolerance, seed=1)
    batches = SequentialSettings(batch_size=500, max_cases=len(mine))
    return _PLAIN[run_replay(_records(theirs), _records(mine), settings, batches).verdict.value]


def _records(scores: NDArray[Any]) -> list[Any]:
    from statgate import EvalRecord

    return [
        EvalRecord(case_id=f"{case:06}", score=float(score), run_index=index)
        for case, runs in enumerate(np.atleast_2d(scores.T).T)
        for index, score in enumerate(runs)
    ]


def _evalsig(mine: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> str:
    from evalsig import gate

    report = gate(_frame(theirs), _frame(mine), min_delta=tolerance, alpha=_ONE_SIDED, power=0.80)
    return _PLAIN[report.verdict.value]


def _frame(scores: NDArray[Any]) -> Any:
    from evalsig.types import ItemResult, RunFrame

    items = [ItemResult(item_id=f"{case:06}", score=float(score)) for case, score in enumerate(scores)]
    return RunFrame(run_id="run", model_id="model", task_id="task", metric_name="accuracy", items=items)


_PLAIN = {"SHIP": "pass", "ALLOW": "pass", "BLOCK": "fail", "REJECT": "fail", "INCONCLUSIVE": "open"}
_GATES: dict[str, _Gate] = {
    "statgate": _statgate,
    "statgate sequential": _statgate_sequential,
    "evalsig": _evalsig,
}


if __name__ == "__main__":
    main()
