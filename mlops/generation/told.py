"""A reply of a language model's as LangChain has it, and the time it took, as JSON. Imports LangChain."""

import json
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration, Generation

from evaluation.llm.values import Usage


@dataclass(frozen=True)
class Told:
    """A reply, and which answer of a chain's it was for.

    began_ms, ended_ms: when its call began and ended, in milliseconds since that answer was begun.
    """

    said: list[Generation]
    answer: str
    began_ms: float
    ended_ms: float

    @property
    def usage(self) -> Usage:
        """Its tokens, as far as they are told."""
        usage = Usage(0, 0)
        for each in self.said:
            told = getattr(getattr(each, "message", None), "usage_metadata", None)
            if told is not None:
                usage = Usage(
                    usage.prompt_tokens + told["input_tokens"],
                    usage.completion_tokens + told["output_tokens"],
                )
        return usage

    def written(self) -> str | None:
        """As JSON; None for what is no answer, and for what JSON does not hold."""
        if not all(map(_answers, self.said)):
            return None
        said = [
            {
                "text": each.text,
                "info": each.generation_info,
                "message": message_to_dict(each.message) if isinstance(each, ChatGeneration) else None,
            }
            for each in self.said
        ]
        content = {"answer": self.answer, "began_ms": self.began_ms, "ended_ms": self.ended_ms, "said": said}
        try:
            return json.dumps(content, allow_nan=False)
        except (TypeError, ValueError):
            return None


def read_told(text: str | None) -> Told | None:
    """What `written` wrote; None for what can't be read, which is asked again."""
    if text is None:
        return None
    try:
        content = json.loads(text)
        said = [_generation(each) for each in content["said"]]
        return Told(said, str(content["answer"]), float(content["began_ms"]), float(content["ended_ms"]))
    except (ValueError, KeyError, TypeError):
        return None


def _generation(content: dict[str, Any]) -> Generation:
    if content["message"] is None:
        return Generation(text=content["text"], generation_info=content["info"])
    # By the name of its kind and by no path: nothing is imported, nothing is run.
    [message] = messages_from_dict([content["message"]])
    return ChatGeneration(message=message, generation_info=content["info"])


def _answers(each: Generation) -> bool:
    """Whether it says something or calls a tool, and is of no class of the chain's own."""
    info = each.generation_info or {}
    if not isinstance(each, ChatGeneration):
        return bool(each.text.strip())
    message = each.message
    if not isinstance(message, AIMessage) or type(message) not in {AIMessage, AIMessageChunk}:
        return False
    stopped = (info | message.response_metadata).get("finish_reason") == "content_filter"
    return bool(each.text.strip() or message.tool_calls) and not stopped
