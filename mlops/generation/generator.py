"""A model that writes: prompt in, asked of a language model, text out with all that is known of it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from evaluation.errors import UserError
from evaluation.files import write_whole
from evaluation.llm.budget import Budget
from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.llm.health import Health
from evaluation.llm.values import Ask, Failed, Reply
from evaluation.types import Outputs
from mlops.generation.code import CODE
from mlops.generation.config import SamplingConfig
from mlops.generation.prompt import CONTEXT, Prompt
from mlops.generation.writer import FILE_NAME

INDEX = "index"


class Found(Protocol):
    """One passage that was looked up."""

    @property
    def id(self) -> str:
        """Which passage it is."""
        ...

    @property
    def text(self) -> str:
        """What it says."""
        ...


class Retriever(Protocol):
    """What looks passages up for a question."""

    def search(self, queries: Sequence[str]) -> list[list[Any]]:
        """The passages for each query, best first."""
        ...

    def save(self, folder: Path) -> None:
        """Keep it as plain files."""
        ...


@dataclass(frozen=True)
class Generator:
    """A prompt, the language model that answers it, and how.

    query: the column that passages are looked up by, where there is a retriever. in_prompt: how many of those found
    the prompt gets, all where None; the ids of all are told. turns: prompts with a good answer each, shown as asked
    and answered before; a case that is among them is asked without itself.
    """

    prompt: Prompt
    endpoint: EndpointConfig
    sampling: SamplingConfig
    system: str = ""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    retriever: Retriever | None = None
    query: str = ""
    in_prompt: int | None = None
    turns: tuple[tuple[str, str], ...] = ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a case that it needs."""
        named = [name for name in self.prompt.variables if name != CONTEXT or self.retriever is None]
        return tuple(dict.fromkeys([*named, *([self.query] if self.retriever else [])]))

    @cached_property
    def purse(self) -> Budget:
        """What is left of the budget, for all that this generator is asked in an evaluation."""
        return Budget(self.budget)

    @cached_property
    def health(self) -> Health:
        """Whether its endpoint is still worth asking, for all that this generator is asked in an evaluation."""
        return Health(self.endpoint.concurrency)

    def answer(
        self, cases: Sequence[Mapping[str, Any]], *, cache: Path | None = None, budgeted: bool = False
    ) -> Outputs:
        """Write an answer for each case; one that cannot be had is None, and its facts say why.

        cases: values of `inputs` each. Equal cases are asked as often as they come. cache: where answers are kept,
        so that what was paid for is not asked again. budgeted: whether these calls are an evaluation's,
        which share `purse` and `health`.
        """
        passages = self._look_up(cases)
        contexts = [[passage.text for passage in found[: self.in_prompt]] for found in passages]
        prompts = self._fill(cases, contexts)
        asks = _asks(prompts, self.sampling, self.system, self.turns)
        said = self._ask(asks, cache, budgeted)
        return Outputs(
            labels=np.array([each.text if isinstance(each, Reply) else None for each in said], dtype=object),
            facts=_facts(said, prompts, contexts, passages),
        )

    def save(self, folder: Path) -> None:
        """Keep it as files that hold text and numbers only."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "prompt": {"name": self.prompt.name, "template": self.prompt.template},
            "system": self.system,
            "endpoint": self.endpoint.model_dump(mode="json", exclude_unset=True),
            "sampling": self.sampling.model_dump(mode="json"),
            "budget": self.budget.model_dump(mode="json"),
            "query": self.query,
            "in_prompt": self.in_prompt,
            "retrieval": self.retriever is not None,
            "turns": self.turns,
        }
        write_whole(folder / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())
        if self.retriever is not None:
            self.retriever.save(folder / INDEX)

    @classmethod
    def load(cls, folder: Path) -> "Generator":
        """Read what `save` wrote; raises UserError where it is no such folder."""
        try:
            content = json.loads((folder / FILE_NAME).read_bytes())
            return cls(
                prompt=Prompt(**content["prompt"]),
                endpoint=EndpointConfig.model_validate(content["endpoint"]),
                sampling=SamplingConfig.model_validate(content["sampling"]),
                system=content["system"],
                budget=BudgetConfig.model_validate(content["budget"]),
                retriever=_load_index(folder) if content["retrieval"] else None,
                query=content["query"],
                in_prompt=content["in_prompt"],
                turns=tuple((prompt, answer) for prompt, answer in content["turns"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder} holds no generator: {type(error).__name__}",
                expected="a model that `weighbridge train` wrote",
                next_step="weighbridge release",
            ) from None

    def showing(self, examples: Sequence[tuple[Mapping[str, Any], str]]) -> "Generator":
        """The same with these cases and answers as earlier turns, passages looked up as for any case."""
        cases = [case for case, _ in examples]
        contexts = [[passage.text for passage in found[: self.in_prompt]] for found in self._look_up(cases)]
        prompts = self._fill(cases, contexts)
        return replace(self, turns=tuple(zip(prompts, (answer for _, answer in examples), strict=True)))

    def _fill(self, cases: Sequence[Mapping[str, Any]], contexts: Sequence[Sequence[str]]) -> list[str]:
        return [
            self.prompt.fill({**case, CONTEXT: "\n\n".join(texts)})
            for case, texts in zip(cases, contexts, strict=True)
        ]

    def _look_up(self, cases: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        if self.retriever is None:
            return [[] for _ in cases]
        return self.retriever.search([str(case[self.query]) for case in cases])

    def _ask(self, asks: Sequence[Ask], cache: Path | None, budgeted: bool) -> list[Reply | Failed]:
        from evaluation.llm.client import Endpoint

        budget, health = (self.purse, self.health) if budgeted else (None, None)
        return Endpoint.of(self.endpoint, cache=cache, budget=budget, health=health).ask_now(asks)


def _asks(
    prompts: Sequence[str], sampling: SamplingConfig, system: str, turns: Sequence[tuple[str, str]]
) -> list[Ask]:
    """One request a prompt; equal ones are told apart by number, and by seed where one is set."""
    seen: Counter[str] = Counter()
    asks = []
    for prompt in prompts:
        repeat, drawn = seen[prompt], sampling.sampling
        seen[prompt] += 1
        if drawn.seed is not None:
            drawn = replace(drawn, seed=drawn.seed + repeat)
        # Its own answer would give it away.
        before = [turn for turn in turns if turn[0] != prompt]
        asks.append(Ask.of(prompt, drawn, system=system, turns=before, repeat=repeat))
    return asks


def _facts(
    said: Sequence[Reply | Failed],
    prompts: Sequence[str],
    contexts: Sequence[Sequence[str]],
    passages: Sequence[Sequence[Any]],
) -> pl.DataFrame:
    from evaluation.llm.facts import facts_of

    return facts_of(
        said,
        prompts=prompts,
        contexts=contexts,
        sources=[[passage.id for passage in found] for found in passages],
    )


def _load_index(folder: Path) -> Retriever:
    from mlops.generation.retrieval.index import Index

    return Index.load(folder / INDEX, folder.parents[1] / CODE)
