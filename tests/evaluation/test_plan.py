"""Lines of policy become single checks, and misuse is told before anything is trained."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.plan import check_gate, expand, latency_requests
from evaluation.types import CheckKind, Task

FRAME = pl.DataFrame({"sex": ["f", "m"], "education": ["school", "university"]})
MakeGate = Callable[..., GateConfig]


def test_every_bound_and_value_is_a_check(make_gate: MakeGate) -> None:
    gate = make_gate(
        {"metric": "roc_auc", "at_least": 0.7, "no_worse_than_champion_by": 0.01},
        {"metric": "recall", "slices": ["education", "sex"], "no_worse_than_champion_by": 0.03},
        {"metric": "equalized_odds_difference", "groups": ["sex", "education"], "at_most": 0.1},
        {
            "metric": "equal_opportunity_difference",
            "groups": ["sex"],
            "slices": ["education"],
            "at_most": 0.1,
        },
    )
    lines = expand(gate, task=Task.BINARY, frame=FRAME)
    assert [line.id for line in lines] == [
        "roc_auc",
        "roc_auc.vs_champion",
        "recall[education=school].vs_champion",
        "recall[education=university].vs_champion",
        "recall[sex=f].vs_champion",
        "recall[sex=m].vs_champion",
        "equalized_odds_difference(sex,education)",
        "equal_opportunity_difference(sex)[education=school]",
        "equal_opportunity_difference(sex)[education=university]",
    ]
    assert [line.kind for line in lines[:2]] == [CheckKind.ABSOLUTE, CheckKind.CHAMPION]
    assert [line.bound for line in lines[:2]] == [0.7, 0.01]


def test_checks_of_one_name_are_told_apart(make_gate: MakeGate) -> None:
    gate = make_gate(
        {"metric": "roc_auc", "at_least": 0.7, "at_most": 0.99},
        {"metric": "roc_auc", "at_least": 0.8},
        {"metric": "f1", "no_worse_than_champion_by": 0.1},
        {"metric": "f1", "no_worse_than_champion_by": 0.2},
    )
    assert [line.id for line in expand(gate, task=Task.BINARY, frame=FRAME)] == [
        "roc_auc.at_least",
        "roc_auc.at_most",
        "roc_auc.at_least#2",
        "f1.vs_champion",
        "f1.vs_champion#2",
    ]


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ({"metric": "roc_acu", "at_least": 0.7}, "unknown metric 'roc_acu'"),
        ({"metric": "rmse", "at_most": 3}, "rmse: not a metric of task binary"),
        ({"metric": "equalized_odds_difference", "at_most": 0.1}, "no groups named"),
        ({"metric": "roc_auc", "groups": ["sex"], "at_least": 0.7}, "it does not compare groups"),
        ({"metric": "latency_p95_ms", "slices": ["sex"], "at_most": 9}, "latency is not measured by slice"),
        (
            {"metric": "selection_rate", "no_worse_than_champion_by": 0.1},
            "neither more nor less of it is better",
        ),
        ({"metric": "roc_auc", "at_least": 72}, "at_least 72 is outside its range"),
        ({"metric": "accuracy", "at_most": -0.1}, "at_most -0.1 is outside its range"),
        ({"metric": "recall", "slices": ["educaton"], "at_least": 0.1}, "column 'educaton' is not in"),
        ({"metric": "equalized_odds_difference", "groups": ["sx"], "at_most": 0.1}, "column 'sx' is not in"),
    ],
)
def test_misuse_is_told(check: dict[str, Any], found: str, make_gate: MakeGate) -> None:
    with pytest.raises(UserError) as raised:
        check_gate(make_gate(check), task=Task.BINARY, columns=FRAME.columns)
    assert found in raised.value.found
    assert raised.value.next_step


@pytest.mark.parametrize(
    ("metrics", "requests"),
    [((), 0), (("latency_p50_ms",), 40), (("latency_p50_ms", "latency_p99_ms"), 2000)],
)
def test_latency_checks_say_how_many_requests_they_need(
    metrics: tuple[str, ...], requests: int, make_gate: MakeGate
) -> None:
    gate = make_gate({"metric": "f1", "at_least": 0.1}, *({"metric": name, "at_most": 9} for name in metrics))
    assert latency_requests(gate) == requests
