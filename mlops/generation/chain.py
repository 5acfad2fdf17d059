"""A model that writes by code of the project's: a LangChain runnable, or any callable that answers a case."""

import inspect
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.files import write_whole
from evaluation.llm.budget import Budget
from evaluation.llm.config import BudgetConfig
from evaluation.llm.values import Failed, FailureKind, Reply
from evaluation.types import Outputs
from mlops.generation.answer import Answer, Seen, read_answer
from mlops.generation.calls import Calls
from mlops.generation.config import ChainConfig
from mlops.generation.writer import FILE_NAME
from mlops.modules import modules_of
from mlops.training.entrypoint import entrypoint, place_of, raised

_SECTION = "generate.chain"
# Where MLflow puts a model's code, beside the folder of its data.
CODE = "code"


@dataclass(frozen=True)
class Chain:
    """What a function of the project made, and the files that it needs to be made again.

    folder: where they lie; inputs: the columns of a case that it is given; code: modules, relative to the folder.
    """

    config: ChainConfig
    folder: Path
    inputs: tuple[str, ...]
    budget: BudgetConfig
    made: Any
    code: tuple[Path, ...]

    @classmethod
    def build(
        cls, config: ChainConfig, folder: Path, *, inputs: Sequence[str], budget: BudgetConfig
    ) -> "Chain":
        """Import the function and call it.

        Raises UserError where it is not there, lies outside the folder, raises, or gives nothing that answers.
        """
        if budget.money is not None and config.price is None:
            raise UserError(
                "a budget in money, but no price for the chain",
                expected="price: {input: ..., output: ...}, money per million tokens, under generate.chain",
                next_step="add the price, or bound tokens instead",
            )
        with entrypoint(config.entrypoint, folder, _SECTION) as function:
            code = modules_of(folder)
            if config.entrypoint.partition(":")[0] not in code:
                raise UserError(
                    f"{_SECTION}: {config.entrypoint} does not lie in the project's folder",
                    expected="a function of the project's own, whose code goes with the model",
                    next_step="import what is installed in a module of the project, and name that",
                )
            made = _call(function, config.params, folder)
            home = folder.resolve()
            files = {path.relative_to(home) for path in modules_of(folder).values()}
        return cls(config, folder, tuple(inputs), budget, _answering(made), tuple(sorted(files)))

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
        cache: Path | None = None,  # noqa: ARG002 - a chain may do anything, so none of its answers is kept
        budgeted: bool = False,
    ) -> Outputs:
        """Call it for each case, so many at a time; a call that raises or takes too long is a failure of that case."""
        from evaluation.llm.facts import answers_of, facts_of

        purse = _Purse(Budget(self.budget if budgeted else BudgetConfig()))
        said = self._calls.each([(purse, dict(case)) for case in cases])
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
        """All that it is made of, relative to its folder: modules, and what the policy names.

        Raises UserError for a name that is no file or folder.
        """
        yield from self.code
        for name in self.config.files:
            root = self.folder / name
            if not root.exists():
                raise UserError(
                    f"{_SECTION}.files names '{name}', which is not there",
                    expected="files and folders beside weighbridge.yaml",
                    next_step="correct generate.chain.files in weighbridge.yaml",
                )
            for path in [root] if root.is_file() else sorted(root.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield path.relative_to(self.folder)

    @cached_property
    def _calls(self) -> Calls["tuple[_Purse, dict[str, Any]]", Answer]:
        within = f"no answer within {self.config.timeout_s:.3g} s"
        return Calls(
            lambda asked: self._one(*asked),
            lambda: Answer(Failed(FailureKind.TIMEOUT, within, 1)),
            lambda: Answer(Failed(FailureKind.TIMEOUT, "earlier calls have not come back", 0)),
            concurrency=self.config.concurrency,
            timeout_s=self.config.timeout_s,
        )

    def _one(self, purse: "_Purse", case: dict[str, Any]) -> Answer:
        if (refused := purse.admit()) is not None:
            return Answer(refused)
        began, answer = time.perf_counter(), None
        try:
            given, seen = self.made(case)
            latency_ms = (time.perf_counter() - began) * 1000
            answer = read_answer(given, seen, latency_ms=latency_ms, price=self.config.price)
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, SystemExit included
            # Its message may quote the case, or a key; where it happened does not.
            where = place_of(error, self.folder)
            told = type(error).__name__ + (f" at {where}" if where else "")
            answer = Answer(Failed(FailureKind.RAISED, told, 1))
        finally:
            purse.settle(answer)
        return answer


class _Purse:
    """A budget that several threads draw on."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._lock = budget, threading.Lock()

    def admit(self) -> Failed | None:
        with self._lock:
            return None if self._budget.admit() else Failed(FailureKind.BUDGET, str(self._budget.closed), 0)

    def settle(self, answer: Answer | None) -> None:
        reply = None if answer is None or not isinstance(answer.result, Reply) else answer.result
        with self._lock:
            self._budget.settle(reply)


def _call(function: Callable[..., Any], params: Mapping[str, Any], folder: Path) -> Any:
    """Call the project's function; one that takes `project_dir` is told where its files lie."""
    given = dict(params)
    signature = inspect.signature(function)
    if "project_dir" in signature.parameters:
        given["project_dir"] = folder
    try:
        signature.bind(**given)
    except TypeError as error:
        raise UserError(
            f"{_SECTION}: the function cannot be called: {error}",
            expected="def build(**params) that gives what answers, with the params named in weighbridge.yaml",
            next_step="correct generate.chain.params in weighbridge.yaml or the function",
        ) from None
    try:
        return function(**given)
    except Exception as error:
        raise raised(error, folder, _SECTION) from error


def _answering(made: Any) -> Callable[[dict[str, Any]], tuple[Any, Seen | None]]:
    """What answers a case, and tells what was seen on the way; by LangChain where that is there."""
    runs = callable(getattr(made, "invoke", None))
    if inspect.iscoroutinefunction(made) or not (runs or callable(made)):
        raise UserError(
            f"{_SECTION}: the function gave {type(made).__name__}",
            expected="a LangChain runnable, or a callable that takes a case and gives its text",
            next_step="return one from it",
        )
    try:
        from mlops.generation import watch
    except ModuleNotFoundError:
        if runs:
            raise
        return lambda case: (made(case), None)
    return partial(watch.ask, watch.as_runnable(made))
