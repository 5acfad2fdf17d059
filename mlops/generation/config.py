"""The `generate` section of weighbridge.yaml: how a model that writes is made, in place of `train`."""

from typing import Any

from pydantic import Field

from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.llm.values import Sampling
from evaluation.section import Section
from mlops.generation.retrieval.config import RetrievalConfig

_TEXT = r"^[^\x00]+\.txt$"
ENTRYPOINT = "mlops.generation.build:build"


class SamplingConfig(Section):
    """How an answer is drawn from the language model."""

    temperature: float = Field(0.0, ge=0, le=2, description="0 takes the likeliest word each time.")
    max_tokens: int = Field(256, ge=1, le=32_768)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**31, description="For endpoints that take one.")
    stop: tuple[str, ...] = Field((), max_length=4, description="Texts that end the answer.")

    @property
    def sampling(self) -> Sampling:
        """The same for a request."""
        return Sampling(**self.model_dump())


class GenerateConfig(Section):
    """A prompt and the language model that answers it."""

    prompt: str = Field(
        pattern=_TEXT, description="A .txt file beside this one; {name} stands for a column of the cases."
    )
    system: str | None = Field(
        None, pattern=_TEXT, description="A .txt file with what the model is told before."
    )
    endpoint: EndpointConfig = Field(default_factory=EndpointConfig)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    examples: int = Field(
        0,
        ge=0,
        le=50,
        description="Rows of data.train, drawn by the seed, that the model is shown as earlier turns, answers and all.",
    )
    examples: int = Field(
        0,
        ge=0,
        le=50,
        description="Rows of data.train, drawn by the seed, that the model is shown as earlier turns, answers and all.",
    )
    retrieval: RetrievalConfig | None = Field(
        None, description="Passages that are looked up for each case and fill {context}; for task: rag."
    )
    budget: BudgetConfig = Field(
        default_factory=BudgetConfig,
        description="What one evaluation may spend; serving is bound by `serve`.",
    )
    seed: int = Field(0, ge=0, lt=2**32)
    requirements: tuple[str, ...] = Field((), description="What the model needs beyond Weighbridge.")

    @property
    def environment(self) -> tuple[str, ...]:
        """Names of the variables that a server of such a model reads."""
        return () if self.endpoint.key is None else (self.endpoint.key,)

    @property
    def params(self) -> dict[str, Any]:
        """What the building function is given."""
        return self.model_dump(mode="json", exclude={"seed", "requirements"})
