"""What answers, of what the project's function gave, and the prompts that it reads."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import UserError
from mlops.generation.answer import Seen
from mlops.generation.config import ChainConfig
from mlops.generation.prompt import Prompt

if TYPE_CHECKING:
    from mlops.generation.kept import CaseCalls

SECTION = "generate.chain"
PROMPTS = f"{SECTION}.prompts"
# Takes a case and, where replies are kept, its calls; gives what it said, and what was seen on the way.
Answering = Callable[[dict[str, Any], "CaseCalls | None"], tuple[Any, Seen | None]]


def read_prompts(config: ChainConfig, folder: Path, columns: Sequence[str]) -> Iterator[Prompt]:
    """Its templates; raises UserError for one that can't be read, and a name in it that nobody knows."""
    for name in config.prompts:
        prompt = Prompt.read(folder / name, section=PROMPTS)
        prompt.require_columns([*columns, *config.fills], otherwise=f"or name it under {SECTION}.fills")
        yield prompt


def answering(made: Any) -> Answering:
    """What answers a case, and tells what was seen on the way; by LangChain where that is there."""
    runs = callable(getattr(made, "invoke", None))
    if inspect.iscoroutinefunction(made) or not (runs or callable(made)):
        raise UserError(
            f"{SECTION}: the function gave {type(made).__name__}",
            expected="a LangChain runnable, or a callable that takes a case and gives its text",
            next_step="return one from it",
        )
    try:
        from mlops.generation import watch
    except ModuleNotFoundError:
        if runs:
            raise
        return lambda case, _: (made(case), None)
    return partial(watch.ask, watch.as_runnable(made))
