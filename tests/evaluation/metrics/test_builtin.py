"""Looking metrics up by name."""

import pytest

from evaluation.errors import UserError
from evaluation.metrics.builtin import all_metrics, find_metric


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("roc_acu", "roc_auc"),
        ("ROC_AUC", "roc_auc"),
        ("equalised_odds_difference", "equalized_odds_difference"),
        ("faithfulness", "ragas_faithfulness"),
        ("similarity", "semantic_similarity"),
        ("echo", "prompt_echo"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_few(name: str, nearest: str) -> None:
    with pytest.raises(UserError) as raised:
        find_metric(name)
    assert raised.value.found == f"unknown metric '{name}'"
    assert raised.value.next_step == f"did you mean '{nearest}'?"
    *shown, rest = raised.value.expected.split(", ")
    assert shown[0] == nearest
    assert len(shown) <= 3
    assert rest == "or another that `weighbridge metrics` lists"


@pytest.mark.parametrize("name", ["zzz", "λ"])
def test_where_none_is_near_the_list_is_named(name: str) -> None:
    with pytest.raises(UserError) as raised:
        find_metric(name)
    assert raised.value.expected == "a metric"
    assert raised.value.next_step == "weighbridge metrics"


def test_all_metrics_are_listed_by_name() -> None:
    names = [metric.name for metric in all_metrics()]
    assert names == sorted(names)
    assert {"roc_auc", "equalized_odds_difference", "latency_p95_ms", "rmse", "f1_macro"} <= set(names)
