"""Whom an evaluation asks, and which of their keys are missing, told from the policy alone."""

from typing import Any

import pytest

from mlops.config import Policy
from mlops.release.foreseen import endpoints, missing_keys

HOSTED = {"url": "https://api.example/v1", "model": "m"}
PROMPT = {"prompt": "a.txt", "endpoint": HOSTED | {"key": "WRITER_KEY"}}
TONE = {"name": "tone", "rubric": "Is it polite?", "endpoint": HOSTED | {"key": "JUDGE_KEY"}}
RAGAS = {"judge": HOSTED | {"key": "RAGAS_KEY"}}
WRITER, JUDGE, RAGAS_JUDGE = "generate.endpoint", "gate.judges.tone.endpoint", "texts.ragas.judge"


def policy(*metrics: str, **changed: Any) -> Policy:
    checks = [{"metric": name, "at_least": 0} for name in metrics]
    told = {
        "model": "m",
        "task": "rag",
        "data": {"train": "t.csv", "evaluate": "e.csv", "target": "wanted"},
        "generate": PROMPT,
        "texts": {"ragas": RAGAS},
        "gate": {"judges": [TONE], "checks": checks},
    }
    return Policy.model_validate(told | changed)


@pytest.mark.parametrize(
    ("metrics", "changed", "places"),
    [
        (["rouge_l"], {}, [WRITER]),
        (["rouge_l", "judge_tone"], {}, [WRITER, JUDGE]),
        (["ragas_string_similarity"], {}, [WRITER]),
        (["judge_tone", "ragas_faithfulness", "ragas_answer_relevancy"], {}, [WRITER, JUDGE, RAGAS_JUDGE]),
        (["ragas_faithfulness"], {"texts": {}}, [WRITER]),
        (["judge_tone"], {"generate": {"chain": "mine:build"}}, [JUDGE]),
        (["accuracy"], {"generate": None, "train": "mine:train", "task": "binary"}, []),
    ],
)
def test_who_is_asked_by_what_the_checks_name(
    metrics: list[str], changed: dict[str, Any], places: list[str]
) -> None:
    assert list(endpoints(policy(*metrics, **changed))) == places


def test_a_key_that_is_missing_is_told_once_with_all_who_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRITER_KEY", raising=False)
    monkeypatch.setenv("JUDGE_KEY", "sk-1")
    monkeypatch.setenv("RAGAS_KEY", "two words")
    told = policy("judge_tone", "ragas_faithfulness")
    assert missing_keys(told) == [
        "the environment variable WRITER_KEY is not set, and evaluate asks generate.endpoint with it",
        "the environment variable RAGAS_KEY holds what no key holds, and evaluate asks texts.ragas.judge with it",
    ]
    shared = policy(
        "judge_tone",
        gate={"judges": [TONE | {"endpoint": PROMPT["endpoint"]}], "checks": told.gate.checks[:1]},
    )
    both = f"{WRITER} and {JUDGE}"
    assert missing_keys(shared) == [
        f"the environment variable WRITER_KEY is not set, and evaluate asks {both} with it"
    ]


def test_who_needs_no_key_lacks_none() -> None:
    gate = {"judges": [TONE | {"endpoint": {}}], "checks": [{"metric": "judge_tone", "at_least": 3}]}
    assert missing_keys(policy(generate={"prompt": "a.txt"}, gate=gate)) == []
