"""A model that writes by code of the project's: a LangChain runnable, or any callable that answers a case."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.files import write_whole
from evaluation.llm.budget import Budget
from evaluation.llm.config import BudgetConfig
from evaluation.llm.values import Failed, FailureKind
from evaluation.types import Outputs
from mlops.decision.canonical import digest_bytes, digest_files
from mlops.generation.answer import Answer, Raised, Seen, costing, read_answer
from mlops.generation.calls import Calls
from mlops.generation.code import CODE, call, files_of
from mlops.generation.config import ChainConfig
from mlops.generation.making import SECTION, Answering, answering, read_prompts
from mlops.generation.prompt import Prompt
from mlops.generation.purse import Purse
from mlops.generation.writer import FILE_NAME
from mlops.modules import modules_of
from mlops.training.entrypoint import entrypoint, place_of

if TYPE_CHECKING:
    from mlops.generation.kept import CaseCalls, Kept


@dataclass(frozen=True)
class _Asked:
    """One answer that is to be had; calls: where replies are kept on the way, None where they are not."""

    case: dict[str, Any]
    purse: Purse
    calls: "CaseCalls | None"


@dataclass(frozen=True)
class Chain:
    """What a function of the project made, and the files that it needs to be made again.

    folder: where they lie; inputs: the columns of a case that it is given; code: modules, relative to the folder;
    prompts: the templates that the policy names, which it reads itself.
    """

    config: ChainConfig
    folder: Path
    inputs: tuple[str, ...]
    budget: BudgetConfig
    made: Answering
    code: tuple[Path, ...]
    prompts: tuple[Prompt, ...]

    @classmethod
    def build(
        cls, config: ChainConfig, folder: Path, *, inputs: Sequence[str], budget: BudgetConfig
    ) -> "Chain":
        """Import the function and call it.

        Raises UserError where it is not there, lies outside the folder, raises, or gives nothing that answers; and
        for a prompt that is missing, or names what is neither a column nor filled by the chain.
        """
        if budget.money is not None and config.price is None:
            raise UserError(
                "a budget in money, but no price for the chain",
                expected="price: {input: ..., output: ...}, money per million tokens, under generate.chain",
                next_step="add the price, or bound tokens instead",
            )
        prompts = tuple(read_prompts(config, folder, inputs))
        with entrypoint(config.entrypoint, folder, SECTION) as function:
            code = modules_of(folder)
            if config.entrypoint.partition(":")[0] not in code:
                raise UserError(
                    f"{SECTION}: {config.entrypoint} does not lie in the project's folder",
                    expected="a function of the project's own, whose code goes with the model",
                    next_step="import what is installed in a module of the project, and name that",
                )
            made = call(function, config.params, folder, SECTION)
            home = folder.resolve()
            files = {path.relative_to(home) for path in modules_of(folder).values()}
        return cls(config, folder, tuple(inputs), budget, answering(made), tuple(sorted(files)), prompts)

    @classmethod
    def load(cls, folder: Path) -> "Chain":
        """Make it again from what `save` and MLflow kept.

        This runs code of the model's: whoever calls it has verified the model's digest. Raises UserError where it is
        no such folder, EnvironmentProblem where its code does not run here.
        """
        try:
            content = json.loads((folder / FILE_NAME).read_bytes())
            config = ChainConfig.model_validate(content["chain"])
            inputs, budget = content["inputs"], BudgetConfig.model_validate(content["budget"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder} holds no chain: {type(error).__name__}",
                expected="a model that `weighbridge train` wrote",
                next_step="weighbridge release",
            ) from None
        code = folder.parents[1] / CODE
        try:
            return cls.build(config, code, inputs=inputs, budget=budget)
        except UserError as error:
            raise EnvironmentProblem(
                f"the model in {folder.parents[1]} does not load: {error.found}",
                expected="the packages of its requirements.txt, and all that it reads under generate.chain.files",
                next_step="install or name them, then release again",
            ) from error

    def answer(
        self,
        cases: Sequence[Mapping[str, Any]],
        *,
        cache: Path | None = None,
        budgeted: bool = False,
    ) -> Outputs:
        """Call it for each case, so many at a time; a call that raises or takes too long is a failure of that case.

        cache: where replies of the language models that it asks by LangChain are kept. What else it does it does
        again, so an answer took what that takes now, and what its models took when they were asked.
        """
        from evaluation.llm.facts import answers_of, facts_of

        purse = self._purse if budgeted else Purse(Budget(BudgetConfig()))
        with self._keeping(cache) as kept:
            asked = [_Asked(dict(case), purse, None if kept is None else kept.calls(case)) for case in cases]
            said = self._calls.each(asked)
        results = [each.result for each in said]
        return Outputs(
            labels=np.array(answers_of(results), dtype=object),
            facts=facts_of(
                results,
                prompts=[each.prompt for each in said],
                contexts=[each.contexts for each in said],
                sources=[each.sources for each in said],
            ),
        )

    def save(self, folder: Path) -> None:
        """Keep what it takes to make it again, beside its code."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "chain": self.config.model_dump(mode="json"),
            "inputs": self.inputs,
            "budget": self.budget.model_dump(mode="json"),
        }
        write_whole(folder / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())

    def files(self) -> Iterator[Path]:
        """All that it is made of, relative to its folder: modules, prompts, and what else the policy names.

        Raises UserError for a name that is no file or folder.
        """
        yield from map(Path, self.config.prompts)
        yield from files_of(self.folder, self.code, self.config.files, f"{SECTION}.files")

    @cached_property
    def _purse(self) -> Purse:
        """What is left of the budget, for all that it is asked in an evaluation."""
        return Purse(Budget(self.budget))

    @cached_property
    def _calls(self) -> Calls[_Asked, Answer]:
        within = f"no answer within {self.config.timeout_s:.3g} s"
        return Calls(
            self._one,
            lambda: Answer(Failed(FailureKind.TIMEOUT, within, 1)),
            lambda: Answer(Failed(FailureKind.TIMEOUT, "earlier calls have not come back", 0)),
            concurrency=self.config.concurrency,
            timeout_s=self.config.timeout_s,
        )

    def _one(self, asked: _Asked) -> Answer:
        if (refused := asked.purse.admit()) is not None:
            return Answer(refused)
        began, seen = time.perf_counter(), None
        try:
            given, seen = self.made(asked.case, asked.calls)
            latency_ms = (time.perf_counter() - began) * 1000
            answer = (
                self._failed(given.error, seen)
                if isinstance(given, Raised)
                else read_answer(given, seen, latency_ms=latency_ms, price=self.config.price)
            )
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, SystemExit included
            answer = self._failed(error, seen)
        asked.purse.settle(answer.result, seen)
        if asked.calls is not None and isinstance(answer.result, Failed):
            asked.calls.fail()
        return answer

    def _failed(self, error: BaseException, seen: Seen | None) -> Answer:
        # Its message may quote the case, or a key; where it happened does not.
        where = place_of(error, self.folder)
        told = type(error).__name__ + (f" at {where}" if where else "")
        return Answer(costing(Failed(FailureKind.RAISED, told, 1), seen, self.config.price))

    def _keeping(self, cache: Path | None) -> "AbstractContextManager[Kept | None]":
        if cache is None:
            return nullcontext()
        try:
            from mlops.generation.kept import keeping
        except ModuleNotFoundError:
            return nullcontext()
        return keeping(cache, code=self._digest)

    @cached_property
    def _digest(self) -> str:
        """SHA-256 over all that it is made of and called with."""
        called = json.dumps([self.config.entrypoint, self.config.params], default=str)
        return digest_bytes(f"{called}\n{digest_files(self.folder, self.files())}".encode())
