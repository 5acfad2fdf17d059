"""Looking metrics up by name."""

import pytest

from evaluation.errors import UserError
from evaluation.metrics.builtin import all_metrics, find_metric


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("roc_acu", "did you mean 'roc_auc'?"),
        ("ROC_AUC", "did you mean 'roc_auc'?"),
        ("equalised_odds_difference", "did you mean 'equalized_odds_difference'?"),
        ("zzz", "see `weighbridge metrics`"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, suggestion: str) -> None:
    with pytest.raises(UserError) as raised:
        find_metric(name)
    assert raised.value.next_step == suggestion
    assert name in raised.value.found


def test_all_metrics_are_listed_by_name() -> None:
    names = [metric.name for metric in all_metrics()]
    assert names == sorted(names)
    assert {"roc_auc", "equalized_odds_difference", "latency_p95_ms", "rmse", "f1_macro"} <= set(names)
