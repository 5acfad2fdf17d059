"""What a LangChain runnable asked and found on its way to an answer. Imports LangChain."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableLambda

from evaluation.llm.values import Usage
from mlops.generation.answer import Raised
from mlops.generation.kept import CaseCalls, made_for


class Watch(BaseCallbackHandler):
    """Told by LangChain of every step of one answer.

    prompt: what the last call of a language model was asked by the user; usage: of all calls, None where one did not
    tell; documents: what retrievers found, in order. calls: where replies are kept.
    """

    run_inline = True

    def __init__(self, calls: CaseCalls | None = None) -> None:
        self._calls = calls
        self.prompt: str | None = None
        self.finish_reason: str | None = None
        self.documents: list[Document] = []
        self._tokens = Usage(0, 0)
        self._asked = self._told = 0
        self._retrievers: set[UUID] = set()

    @property
    def usage(self) -> Usage | None:
        """Tokens of all calls together; None without calls, and where one did not tell."""
        return self._tokens if self._asked and self._told == self._asked else None

    @property
    def told(self) -> Usage | None:
        """Tokens of those calls that told them; None where none did."""
        return self._tokens if self._told else None

    @property
    def saved(self) -> Usage:
        """Tokens of replies that were kept, which were paid for earlier."""
        return Usage(0, 0) if self._calls is None else self._calls.saved

    @property
    def earlier_ms(self) -> float:
        """Milliseconds that the calls took that brought them."""
        return 0.0 if self._calls is None else self._calls.earlier_ms

    @property
    def cached(self) -> bool:
        """Whether all replies were kept."""
        return self._calls is not None and 0 < self._asked == self._calls.found

    @property
    def contexts(self) -> tuple[str, ...]:
        """The texts that were found."""
        return tuple(each.page_content for each in self.documents)

    @property
    def sources(self) -> tuple[str, ...]:
        """The ids of what was found: `id` or `source` of its metadata, else its own; none where one has none."""
        found = [each.metadata.get("id") or each.metadata.get("source") or each.id for each in self.documents]
        return () if None in found else tuple(map(str, found))

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **_: Any
    ) -> None:
        """A chat model is asked."""
        del serialized
        self._asked += 1
        said = [str(message.text) for message in messages[-1] if message.type == "human"]
        self.prompt = said[-1] if said else None

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **_: Any) -> None:
        """A model that goes on with a text is asked."""
        del serialized
        self._asked += 1
        self.prompt = prompts[-1]

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """It has answered."""
        first = response.generations[0][0]
        message = first.message if isinstance(first, ChatGeneration) else None
        if message is None:
            return
        if reason := message.response_metadata.get("finish_reason"):
            self.finish_reason = str(reason)
        usage = getattr(message, "usage_metadata", None)
        # Of a reply that was kept, LangChain says what it costs now, even where it knows no tokens.
        if usage is not None and "input_tokens" in usage:
            self._told += 1
            self._tokens = Usage(
                self._tokens.prompt_tokens + usage["input_tokens"],
                self._tokens.completion_tokens + usage["output_tokens"],
            )

    def on_retriever_start(self, serialized: dict[str, Any], query: str, *, run_id: UUID, **_: Any) -> None:
        """Something is looked up."""
        del serialized, query
        self._retrievers.add(run_id)

    def on_retriever_end(
        self, documents: Sequence[Document], *, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """It was found; what a retriever asks others for is told by that one."""
        if parent_run_id not in self._retrievers:
            self.documents += documents


def as_runnable(made: Any) -> "Runnable[Any, Any]":
    """A runnable, or a callable as one, so that the models that it asks are seen as well."""
    return made if isinstance(made, Runnable) else RunnableLambda(made)


def ask(runnable: "Runnable[Any, Any]", case: dict[str, Any], calls: CaseCalls | None) -> tuple[Any, Watch]:
    """What a runnable says of a case, or Raised, and what was seen of it; calls: where replies are kept."""
    watch = Watch(calls)
    with made_for(calls):
        try:
            return runnable.invoke(case, {"callbacks": [watch]}), watch
        except BaseException as error:  # noqa: BLE001 - what it took until then is paid all the same
            return Raised(error), watch
