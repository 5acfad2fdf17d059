"""The monitor and alerts sections refuse what would make a check meaningless."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from monitoring.config import AlertConfig, MonitorConfig


@pytest.mark.parametrize(
    "content",
    [
        {"every": "0s"},
        {"every": "soon"},
        {"drift": {"tolerance": 0}},
        {"drift": {"false_alarms_per_month": 0}},
        {"labels": {"missing_at_most": 1}},
        {"labels": {"arrive_within": timedelta(days=-1)}},
        {"keep_reports": 0},
        {"performance": [{"metric": "roc_auc"}]},
        {"performance": [{"metric": "roc_auc", "at_least": 0.1, "at_most": 0.9}]},
        {"performance": [{"metric": "roc_auc", "at_least": 0.1}, {"metric": "roc_auc", "at_most": 0.9}]},
        {"driftt": {}},
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(content):
    with pytest.raises(ValidationError):
        MonitorConfig.model_validate(content)


def test_the_defaults_are_a_policy():
    config = MonitorConfig()
    assert (config.every, config.window_records, config.min_records) == (timedelta(minutes=5), 2000, 200)
    assert MonitorConfig.model_validate(config.model_dump(mode="json")) == config


def test_an_address_is_not_printed():
    assert "token" not in repr(AlertConfig(to="slack://token"))
