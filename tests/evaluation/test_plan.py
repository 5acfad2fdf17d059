"""Lines of policy become single checks, and misuse is told before anything is trained."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.plan import (
    AT_LEAST,
    AT_MOST,
    NO_WORSE,
    bound_line,
    check_gate,
    columns_of,
    expand,
    latency_requests,
)
from evaluation.types import CheckKind, Direction, Task

FRAME = pl.DataFrame({"sex": ["f", "m"], "education": ["school", "university"], "age": [20, 60]})
BY_AGE = {"column": "age", "bins": [30]}
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
        (
            {"metric": "recall", "slices": [["sex", {"column": "ag", "bins": 4}]], "at_least": 0.1},
            "column 'ag' is not in",
        ),
        (
            {"metric": "equalized_odds_difference", "groups": [{"column": "sex", "bins": 2}], "at_most": 0.1},
            "column 'sex' is String in the evaluation data, bins are for numbers",
        ),
        (
            {"metric": "recall", "slices": [["age", {"column": "age", "bins": 2}]], "at_least": 0.1},
            "column 'age' is combined with itself",
        ),
        (
            {"metric": "equalized_odds_difference", "groups": ["sex", "sex"], "at_most": 0.1},
            "column 'sex' is combined with itself",
        ),
    ],
)
def test_misuse_is_told(check: dict[str, Any], found: str, make_gate: MakeGate) -> None:
    with pytest.raises(UserError) as raised:
        check_gate(make_gate(check), task=Task.BINARY, schema=FRAME.schema)
    assert found in raised.value.found
    assert raised.value.next_step


def test_an_absent_unit_is_told(make_gate: MakeGate) -> None:
    gate = make_gate({"metric": "f1", "at_least": 0.1}, unit="custmer")
    with pytest.raises(UserError, match=r"column 'custmer' is not in .*gate\.unit"):
        check_gate(gate, task=Task.BINARY, schema={"customer": pl.String()})


def test_ranges_and_pairs_have_ids_of_their_own(make_gate: MakeGate) -> None:
    gate = make_gate(
        {"metric": "recall", "slices": [BY_AGE, ["sex", BY_AGE]], "at_least": 0.2},
        {"metric": "equalized_odds_difference", "groups": ["sex", BY_AGE], "at_most": 0.1},
    )
    lines = expand(gate, task=Task.BINARY, frame=FRAME)
    assert [line.id for line in lines] == [
        "recall[age=below 30]",
        "recall[age=30 and more]",
        "recall[sex=f][age=below 30]",
        "recall[sex=m][age=30 and more]",
        "equalized_odds_difference(sex,age)",
    ]
    assert [line.part.mask.tolist() for line in lines[:3] if line.part] == [
        [True, False],
        [False, True],
        [True, False],
    ]


def test_slices_of_one_line_and_comparison_are_a_family(make_gate: MakeGate) -> None:
    gate = make_gate(
        {
            "metric": "recall",
            "slices": ["education", ["sex", BY_AGE]],
            "at_least": 0.2,
            "no_worse_than_champion_by": 0.1,
        },
        {"metric": "recall", "slices": ["sex"], "at_least": 0.1, "tier": "supporting"},
        {"metric": "recall", "slices": ["sex"], "at_least": 0.2, "tier": "advisory"},
        {"metric": "recall", "at_least": 0.2},
    )
    lines = expand(gate, task=Task.BINARY, frame=FRAME)
    assert list(dict.fromkeys((line.family, line.tier.value) for line in lines)) == [
        ("recall over education, sex+age.at_least", "critical"),
        ("recall over education, sex+age.no_worse_than_champion_by", "critical"),
        ("recall over sex.at_least", "supporting"),
        ("recall over sex#2.at_least", "advisory"),
        (None, "critical"),
    ]


def test_columns_of_a_policy_are_all_that_it_names(make_gate: MakeGate) -> None:
    gate = make_gate(
        {"metric": "recall", "slices": ["education", ["sex", BY_AGE]], "at_least": 0.2},
        {
            "metric": "equalized_odds_difference",
            "groups": ["race", {"column": "income", "bins": 3}],
            "at_most": 0.1,
        },
        unit="customer",
    )
    assert columns_of(gate) == ["age", "customer", "education", "income", "race", "sex"]
    assert columns_of(make_gate({"metric": "f1", "at_least": 0.1})) == []


@pytest.mark.parametrize(
    ("comparison", "direction", "line"),
    [
        (AT_LEAST, Direction.HIGHER_IS_BETTER, (0.1, True)),
        (AT_MOST, Direction.HIGHER_IS_BETTER, (0.1, False)),
        (AT_MOST, Direction.LOWER_IS_BETTER, (0.1, False)),
        (NO_WORSE, Direction.HIGHER_IS_BETTER, (-0.1, True)),
        (NO_WORSE, Direction.LOWER_IS_BETTER, (0.1, False)),
    ],
)
def test_bounds_lie_on_the_axis_of_what_is_measured(
    comparison: str, direction: Direction, line: tuple[float, bool]
) -> None:
    kind = CheckKind.CHAMPION if comparison == NO_WORSE else CheckKind.ABSOLUTE
    assert bound_line(kind, comparison, direction, 0.1) == line


@pytest.mark.parametrize(
    ("metrics", "requests"),
    [((), 0), (("latency_p50_ms",), 40), (("latency_p50_ms", "latency_p99_ms"), 2000)],
)
def test_latency_checks_say_how_many_requests_they_need(
    metrics: tuple[str, ...], requests: int, make_gate: MakeGate
) -> None:
    gate = make_gate({"metric": "f1", "at_least": 0.1}, *({"metric": name, "at_most": 9} for name in metrics))
    assert latency_requests(gate) == requests
