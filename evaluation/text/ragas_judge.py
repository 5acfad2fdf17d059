"""RAGAS's view of a language model and of embeddings, answered by ours: one cache, one budget, one set of faults."""

from typing import TYPE_CHECKING, Any

from evaluation.llm.values import Ask, Failed, Message, Reply, Role, Sampling

if TYPE_CHECKING:
    from evaluation.embeddings.base import Embedder
    from evaluation.llm.client import Endpoint


class JudgeFailedError(Exception):
    """The judge gave no answer; says why, without what was sent."""

    @classmethod
    def of(cls, failed: Failed) -> "JudgeFailedError":
        """The failure of one call."""
        return cls(f"{failed.kind.value}: {failed.detail}")


def ragas_llm(endpoint: "Endpoint", max_tokens: int) -> Any:
    """A BaseRagasLLM that asks an endpoint of ours."""
    from langchain_core.outputs import Generation, LLMResult
    from ragas.llms.base import BaseRagasLLM
    from ragas.run_config import RunConfig

    def asks(prompt: Any, n: int, temperature: float, stop: list[str] | None) -> list[Ask]:
        sampling = Sampling(temperature=temperature, max_tokens=max_tokens, stop=tuple(stop or ()))
        message = Message(Role.USER, prompt.to_string())
        return [Ask((message,), sampling, repeat) for repeat in range(n)]

    def result(said: list[Reply | Failed]) -> Any:
        texts = []
        for each in said:
            if isinstance(each, Failed):
                raise JudgeFailedError.of(each)
            texts.append(Generation(text=each.text, generation_info={"finish_reason": each.finish_reason}))
        return LLMResult(generations=[texts])

    class Judge(BaseRagasLLM):
        """Asks once a request: what may be tried again, the endpoint tries again."""

        def generate_text(
            self,
            prompt: Any,
            n: int = 1,
            temperature: float = 0.01,
            stop: list[str] | None = None,
            callbacks: Any = None,  # noqa: ARG002 - RAGAS's form
        ) -> Any:
            return result(endpoint.ask_now(asks(prompt, n, temperature, stop)))

        async def agenerate_text(
            self,
            prompt: Any,
            n: int = 1,
            temperature: float | None = 0.01,
            stop: list[str] | None = None,
            callbacks: Any = None,  # noqa: ARG002 - RAGAS's form
        ) -> Any:
            drawn = self.get_temperature(n) if temperature is None else temperature
            return result(await endpoint.ask(asks(prompt, n, drawn, stop)))

        def is_finished(self, response: Any) -> bool:
            return all(each.generation_info["finish_reason"] != "length" for each in response.generations[0])

    judge = Judge()
    judge.set_run_config(RunConfig(max_retries=1))
    return judge


class RagasEmbeddings:
    """Vectors in the form that RAGAS asks for."""

    def __init__(self, embedder: "Embedder") -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        vectors: list[list[float]] = self._embedder.embed(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """A vector for a question."""
        return self.embed_documents([text])[0]
