"""Tool calls of an agent as text, and RAGAS's accuracy of them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.errors import UserError
from evaluation.text.ragas_run import collected, quiet_ragas, wait
from evaluation.text.rows import Scored, TextRows

_UNREADABLE = "the right tool calls cannot be read"
Call = tuple[str, dict[str, Any]]


def read_calls(said: Any) -> tuple[Call, ...]:
    """The tool calls that a text or a value of JSON holds: a list of calls, one call, or a message with `tool_calls`.

    Raises ValueError, KeyError, TypeError or AttributeError where it is none of these.

    >>> read_calls('[{"name": "look_up", "args": {"word": "whale"}}]')
    (('look_up', {'word': 'whale'}),)
    """
    found = json.loads(said) if isinstance(said, str) else said
    if isinstance(found, dict):
        found = found.get("tool_calls", [found])
    return tuple(_call(each) for each in found or ())


def tool_calls(rows: TextRows) -> Scored:
    """RAGAS's ToolCallAccuracy for every answer; raises UserError where no column names the right calls."""
    column = rows.settings.ragas.tool_calls
    if column is None:
        raise UserError(
            "nothing says which tool calls are right",
            expected="a column with calls as JSON: [{name: ..., args: {...}}]",
            next_step="texts: {ragas: {tool_calls: COLUMN}} in weighbridge.yaml",
        )
    right = [_or_none(value) for value in rows.column(column)]
    problems = [_UNREADABLE if calls is None else None for calls in right]
    ready = [row for row, calls in enumerate(right) if calls is not None]
    if not ready:
        return Scored(np.full(rows.n, np.nan), problems)
    with quiet_ragas():
        from ragas.metrics import ToolCallAccuracy

        samples = [_sample(_or_none(rows.answers[row]) or (), right[row] or ()) for row in ready]
        found = wait(ToolCallAccuracy().multi_turn_ascore, samples)
    return collected(rows.n, ready, found, problems)


def _or_none(said: object) -> tuple[Call, ...] | None:
    try:
        return None if said is None else read_calls(said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _call(given: Any) -> Call:
    call = given.get("function", given)
    arguments = call.get("args", call.get("arguments", {}))
    arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return str(call["name"]), dict(arguments)


def _sample(said: Sequence[Call], right: Sequence[Call]) -> Any:
    from ragas.dataset_schema import MultiTurnSample
    from ragas.messages import AIMessage, HumanMessage, ToolCall

    def calls(given: Sequence[Call]) -> list[Any]:
        return [ToolCall(name=name, args=arguments) for name, arguments in given]

    turns = [HumanMessage(content=""), AIMessage(content="", tool_calls=calls(said))]
    return MultiTurnSample(user_input=turns, reference_tool_calls=calls(right))
