"""Facts of answers as a table."""

import polars as pl
import pytest

from evaluation.llm.facts import answers_of, facts_of
from evaluation.llm.values import Failed, FailureKind, Reply, Usage

SAID = [
    Reply("A scarf.", Usage(7, 3), 10.0, 30.0, "stop", 0.5, attempts=2),
    Failed(FailureKind.DOWN, "HTTP 500", 5),
    Reply("So", None, None, 30.0, None, None, cached=True),
]
COLUMNS = [
    "problem", "prompt", "contexts", "sources", "prompt_tokens", "completion_tokens", "first_token_ms", "latency_ms",
    "tokens_per_s", "cost", "finish_reason", "attempts", "cached",
]  # fmt: skip


def test_facts_one_row_a_result() -> None:
    table = facts_of(
        SAID, prompts=["a", "b", "c"], contexts=[["t"], [], ["u", "v"]], sources=[["1"], [], ["2", "3"]]
    )
    assert table.columns == COLUMNS
    assert table.rows() == [
        (None, "a", ["t"], ["1"], 7, 3, 10.0, 30.0, 100.0, 0.5, "stop", 2, False),
        ("down: HTTP 500", "b", [], [], None, None, None, None, None, None, None, 5, None),
        (None, "c", ["u", "v"], ["2", "3"], None, None, None, 30.0, None, None, None, 1, True),
    ]


def test_types_do_not_hang_on_the_rows() -> None:
    for said in ([], SAID[1:2], SAID[2:]):
        table = facts_of(said)
        assert dict(table.schema) == dict(facts_of(SAID).schema)
        assert table["contexts"].to_list() == [[]] * len(said)
    assert facts_of([]).schema["sources"] == pl.List(pl.String)


def test_sequences_of_one_length() -> None:
    with pytest.raises(ValueError, match="zip"):
        facts_of(SAID, prompts=["a"])


def test_answers() -> None:
    assert answers_of(SAID) == ["A scarf.", None, "So"]
