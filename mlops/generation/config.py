"""The `generate` section of weighbridge.yaml: how a model that writes is made, in place of `train`."""

from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from evaluation.llm.config import BudgetConfig, EndpointConfig, Price
from evaluation.llm.values import Sampling
from evaluation.section import Section
from mlops.generation.retrieval.config import Inside, RetrievalConfig

_TEXT = r"^[^\x00]+\.txt$"
ENTRYPOINT = "mlops.generation.build:build"
FUNCTION = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
# How long it is waited for and what it may cost changes no answer.
_PATIENCE = frozenset({"timeout_s", "deadline_s", "attempts"})
# What a chain brings itself.
OF_A_PROMPT = ("prompt", "system", "endpoint", "sampling", "retrieval", "examples")


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


class ChainConfig(Section):
    """A function of the project that makes what answers: a LangChain runnable, or any callable."""

    entrypoint: str = Field(pattern=FUNCTION, description="module:function")
    params: dict[str, Any] = Field(default_factory=dict, description="Passed to the function by name.")
    files: tuple[Inside, ...] = Field(
        (), description="Files and folders beside this one that it reads; modules that it imports are found."
    )
    prompts: tuple[Annotated[Inside, Field(pattern=_TEXT)], ...] = Field(
        (),
        description=".txt files beside this one that are its templates: it reads them itself, each text is a version.",
    )
    fills: tuple[str, ...] = Field(
        (), description="Names in its prompts that it fills itself, beside the columns of the cases."
    )
    price: Price | None = Field(None, description="Money per million tokens: {input: 0.15, output: 0.6}.")
    timeout_s: float = Field(60.0, gt=0, le=3600, description="For one answer.")
    concurrency: int = Field(4, ge=1, le=64, description="Cases that are answered at a time.")

    @field_validator("prompts")
    @classmethod
    def _bear_names_of_their_own(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        names = [PurePosixPath(name).stem for name in prompts]
        if len(set(names)) < len(names):
            msg = "two prompts of one name, by which they are registered"
            raise ValueError(msg)
        return prompts


def short_chain(value: object) -> object:
    """A function alone is all that most chains say.

    >>> short_chain("chain:build")
    {'entrypoint': 'chain:build'}
    """
    return {"entrypoint": value} if isinstance(value, str) else value


class GenerateConfig(Section):
    """A prompt and the language model that answers it, or a chain that is its own."""

    prompt: str | None = Field(
        None,
        pattern=_TEXT,
        description="A .txt file beside this one; {name} stands for a column of the cases.",
    )
    chain: Annotated[ChainConfig | None, BeforeValidator(short_chain)] = Field(
        None, description="module:function that makes what answers, in place of a prompt."
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
    retrieval: RetrievalConfig | None = Field(
        None, description="Passages that are looked up for each case and fill {context}; for task: rag."
    )
    budget: BudgetConfig = Field(
        default_factory=BudgetConfig,
        description="What one evaluation may spend; serving is bound by `serve`.",
    )
    seed: int = Field(0, ge=0, lt=2**32)
    requirements: tuple[str, ...] = Field((), description="What the model needs beyond Weighbridge.")

    @model_validator(mode="after")
    def _is_made_one_way(self) -> "GenerateConfig":
        if (self.prompt is None) is (self.chain is None):
            msg = "generate has either prompt or chain"
            raise ValueError(msg)
        given = [name for name in OF_A_PROMPT if name in self.model_fields_set and getattr(self, name)]
        if self.chain is not None and given:
            msg = f"{given[0]} belongs to a prompt; a chain brings its own"
            raise ValueError(msg)
        return self

    @property
    def prompts(self) -> tuple[str, ...]:
        """The files of its prompts."""
        if self.chain is not None:
            return self.chain.prompts
        return tuple(name for name in (self.prompt, self.system) if name)

    @property
    def files(self) -> tuple[str, ...]:
        """Other files and folders that it is made of."""
        if self.chain is not None:
            return self.chain.files
        return () if self.retrieval is None else (self.retrieval.documents, *self.retrieval.files)

    @property
    def environment(self) -> tuple[str, ...]:
        """Names of the variables that a server of such a model reads."""
        return () if self.endpoint.key is None else (self.endpoint.key,)

    @property
    def params(self) -> dict[str, Any]:
        """What the building function is given."""
        of_the_other = {"chain"} if self.chain is None else set(OF_A_PROMPT)
        return self.model_dump(mode="json", exclude={"seed", "requirements", *of_the_other})

    @property
    def answers_hang_on(self) -> dict[str, Any]:
        """Of `params`, what makes another challenger: all but the budget, and how patiently is asked."""
        found = {name: value for name, value in self.params.items() if name != "budget"}
        asked = "endpoint" if self.chain is None else "chain"
        return found | {asked: {key: to for key, to in found[asked].items() if key not in _PATIENCE}}
