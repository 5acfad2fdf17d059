"""The policy file: strict, and helpful when it is wrong."""

from pathlib import Path

import pytest

from evaluation.errors import UserError
from mlops.config import load_policy, resolved_alerts

GOOD = """
model: lending
data: {train: train.parquet, evaluate: holdout.parquet, target: default}
train: train:train
gate:
  checks:
    - {metric: roc_auc, at_least: 0.7}
"""


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "weighbridge.yaml"
    path.write_text(text)
    return load_policy(path)


@pytest.mark.parametrize(
    ("text", "found", "next_step"),
    [
        (GOOD + "monitr: {}\n", "unknown key 'monitr'", "did you mean 'monitor'?"),
        (
            GOOD.replace("at_least", "at_leest"),
            "unknown key 'gate.checks.0.at_leest'",
            "did you mean 'at_least'?",
        ),
        (GOOD.replace("target:", "tarjet:"), "unknown key 'data.tarjet'", "did you mean 'target'?"),
        (GOOD + "zebra: 1\n", "unknown key 'zebra'", "remove it"),
        (GOOD.replace("train:train", "train"), "train.entrypoint", "correct train.entrypoint"),
        (GOOD.replace("at_least: 0.7", "groups: [sex]"), "a check needs at_least", "correct gate.checks.0"),
        (GOOD.replace("0.7", ".nan"), "gate.checks.0.at_least", "correct"),
        (GOOD.replace("model: lending", "model: '../x'"), "model", "correct model"),
        (GOOD + "monitor: {every: 5 parsecs}\n", "monitor.every", "correct"),
        ("- a\n- b\n", "holds list", ""),
        ("model: [", "is not YAML", ""),
        ("", "holds NoneType", ""),
        (
            GOOD.replace("train.parquet", "'${WB_NOT_SET}'"),
            "names ${WB_NOT_SET}, which is not set",
            "export WB_NOT_SET=",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_to_type(
    tmp_path: Path, text: str, found: str, next_step: str
) -> None:
    with pytest.raises(UserError) as raised:
        read(tmp_path, text)
    assert found in str(raised.value)
    assert next_step in str(raised.value)


def test_missing_file_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no readable policy"):
        load_policy(tmp_path / "weighbridge.yaml")


def test_values_of_variables_do_not_show_in_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WB_SECRET", "hunter2")
    with pytest.raises(UserError) as raised:
        read(tmp_path, GOOD + "serve: {port: '${WB_SECRET}'}\n")
    assert "hunter2" not in str(raised.value)


def test_alert_addresses_are_read_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WB_ALERT", raising=False)
    policy = read(tmp_path, GOOD + "alerts: [{to: '${WB_ALERT}'}]\n")
    with pytest.raises(UserError, match="WB_ALERT"):
        resolved_alerts(policy, tmp_path / "weighbridge.yaml")
    monkeypatch.setenv("WB_ALERT", "json://127.0.0.1:1/")
    assert resolved_alerts(policy, tmp_path)[0].to == "json://127.0.0.1:1/"
    assert "127.0.0.1" not in repr(resolved_alerts(policy, tmp_path)[0])


def test_digest_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    first = read(tmp_path, GOOD)
    same = read(
        tmp_path, GOOD.replace("{metric: roc_auc, at_least: 0.7}", "at_least: 0.7\n      metric: roc_auc")
    )
    other = read(tmp_path, GOOD.replace("0.7", "0.71"))
    assert first.digest == same.digest
    assert first.digest != other.digest
