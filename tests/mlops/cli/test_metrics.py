"""`weighbridge metrics`, as it is typed."""

import json
from collections.abc import Callable

import pytest

from evaluation.metrics.builtin import METRICS
from mlops.cli.main import main

Weighbridge = Callable[..., str]


@pytest.fixture
def weighbridge(capsys: pytest.CaptureFixture[str]) -> Weighbridge:
    def run(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as left:
            main(["metrics", *arguments])
        assert int(left.value.code or 0) == code
        return capsys.readouterr().out

    return run


def test_every_metric_has_a_line_with_all_that_a_policy_must_know(weighbridge: Weighbridge) -> None:
    said = weighbridge()
    lines = [line.split(maxsplit=2) for line in said.splitlines()]
    listed = {words[0]: words for words in lines if len(words) == 3 and words[0] in METRICS}
    assert listed.keys() == METRICS.keys()
    assert listed["brier"][1:][0] == "lower"
    assert listed["answer_words"][1] in ("higher", "lower", "neither")
    assert listed["bleu"][2].startswith("0 to 100")
    assert said.rstrip().endswith(f"{len(METRICS)} of {len(METRICS)} metrics")
    assert max(map(len, said.splitlines())) <= 120
    assert "`" not in said
    assert "(n, " not in said


def test_metrics_stand_below_their_tasks(weighbridge: Weighbridge) -> None:
    titles = [line for line in weighbridge().splitlines() if line and not line.startswith(" ")]
    found = [
        line.strip() for line in titles if line.strip() in ("regression", "generation, rag", "rag", "binary")
    ]
    assert found == ["binary", "regression", "generation, rag", "rag"]


@pytest.mark.parametrize(
    ("asked", "there", "not_there"),
    [
        (("--task", "rag"), "context_support", "roc_auc"),
        (("--task", "regression"), "rmse", "bleu"),
        (("latency",), "latency_p95_ms", "accuracy"),
        (("without", "ECHO"), "bleu_without_echo", "latency_p95_ms"),
    ],
)
def test_some_of_them(weighbridge: Weighbridge, asked: tuple[str, ...], there: str, not_there: str) -> None:
    listed = {metric["name"] for metric in json.loads(weighbridge("--json", *asked))}
    assert there in listed
    assert not_there not in listed
    assert there in weighbridge(*asked)


def test_nothing_found_is_said(weighbridge: Weighbridge) -> None:
    assert weighbridge("no-such-thing").strip() == f"0 of {len(METRICS)} metrics"


def test_json_has_null_where_a_range_has_no_end(weighbridge: Weighbridge) -> None:
    by_name = {metric["name"]: metric for metric in json.loads(weighbridge("--json"))}
    assert by_name["mae"]["range"] == [0, None]
    assert by_name["roc_auc"] == {
        "name": "roc_auc",
        "better": "higher",
        "range": [0, 1],
        "unit": "",
        "tasks": ["binary"],
        "needs": ["scores", "two classes"],
        "summary": METRICS["roc_auc"].summary,
    }
