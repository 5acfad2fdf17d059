"""What a judge is asked, and the form that its answer must have."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from evaluation.judges.config import JudgeConfig, Mode
from evaluation.llm.values import Ask, Sampling

SCORE, WINNER, REASON = "score", "winner", "reason"
FIRST, SECOND, TIE = "A", "B", "tie"


@dataclass(frozen=True)
class Item:
    """One answer to one prompt, with what it should say where that is known."""

    prompt: str
    answer: str
    reference: str | None = None


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, in the order in which they are shown."""

    prompt: str
    first: str
    second: str
    reference: str | None = None

    @property
    def swapped(self) -> "Pair":
        """The same, shown the other way round."""
        return Pair(self.prompt, self.second, self.first, self.reference)


@cache
def template(mode: Mode) -> str:
    """The text of a mode's template."""
    return files(__package__).joinpath("templates", f"{mode.value}.txt").read_text(encoding="utf-8")


def ask_item(judge: JudgeConfig, rubric: str, item: Item, repeat: int = 0) -> Ask:
    """Ask for the score of one answer.

    >>> judge = JudgeConfig(name="tone", rubric="Is it polite?")
    >>> ask = ask_item(judge, judge.rubric, Item("Say hello.", "Good morning!"))
    >>> "Good morning!" in ask.messages[0].text, ask.sampling.json_schema["properties"]
    (True, {'score': {'type': 'integer', 'enum': [1, 2, 3, 4, 5]}})
    """
    texts = {"prompt": item.prompt, "answer": item.answer}
    return _ask(judge, rubric, texts, item.reference, repeat)


def ask_pair(judge: JudgeConfig, rubric: str, pair: Pair, repeat: int = 0) -> Ask:
    """Ask which of two answers is better."""
    texts = {"prompt": pair.prompt, "first": pair.first, "second": pair.second}
    return _ask(judge, rubric, texts, pair.reference, repeat)


def _ask(
    judge: JudgeConfig, rubric: str, texts: Mapping[str, str], reference: str | None, repeat: int
) -> Ask:
    fence = _fence(*texts.values(), reference or "")
    known = "" if reference is None else f"\nAn answer known to be right:\n{fence}\n{reference}\n{fence}\n"
    filled = Template(template(judge.mode)).substitute(
        texts, rubric=rubric, fence=fence, reference=known, form=form(judge)
    )
    return Ask.of(filled, sampling(judge), repeat=repeat)


def _fence(*texts: str) -> str:
    """A line that no text inside can hold but by chance, so that no answer gets out of its place."""
    return f"=== {hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:12]} ==="


def points(judge: JudgeConfig) -> tuple[int | str, ...]:
    """Everything that the judge may say."""
    return judge.scale.points if judge.mode is Mode.POINTWISE else (FIRST, SECOND, TIE)


def form(judge: JudgeConfig) -> str:
    """How the answer must look, in words."""
    reason = f'"{REASON}": "one sentence", ' if judge.reasons else ""
    if judge.mode is Mode.PAIRWISE:
        ask, shown = "which answer is better, or that neither is", f'{reason}"{WINNER}": "A", "B" or "tie"'
    elif judge.scale.labels is not None:
        shown = f'{reason}"{SCORE}": ' + " or ".join(f'"{label}"' for label in judge.scale.labels)
        ask = "one of the labels, of which the first is the worst"
    else:
        low, high = judge.scale.min, judge.scale.max
        shown, ask = (
            f'{reason}"{SCORE}": {low} to {high}',
            f"a whole number from {low} (worst) to {high} (best)",
        )
    return f"Say {ask}. Reply with JSON and nothing else: {{{shown}}}"


def schema(judge: JudgeConfig) -> dict[str, Any]:
    """The form of the answer as a JSON schema."""
    named = WINNER if judge.mode is Mode.PAIRWISE else SCORE
    properties: dict[str, Any] = {REASON: {"type": "string"}} if judge.reasons else {}
    sayable = points(judge)
    properties[named] = {
        "type": "string" if isinstance(sayable[0], str) else "integer",
        "enum": list(sayable),
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def sampling(judge: JudgeConfig) -> Sampling:
    """How the judge's answers are drawn."""
    return Sampling(
        temperature=judge.temperature,
        max_tokens=judge.max_tokens,
        seed=judge.seed,
        json_schema=schema(judge),
    )
