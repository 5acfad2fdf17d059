"""What a server answers, as values."""

from dataclasses import dataclass
from typing import Any

Scalar = bool | int | float | str
_ABOUT = ("model", "version", "release_id", "request_id")
_USAGE = ("prompt_tokens", "completion_tokens", "cost")


@dataclass(frozen=True)
class Prediction:
    """One row's answer; `score` is the probability of the positive (binary) or predicted class, in 0..1."""

    id: str
    prediction: Scalar
    score: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer to one request, in the order of its records, and which model gave it."""

    model: str
    version: str
    release_id: str
    request_id: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Generation:
    """One row's text: sources are the ids of the passages that it was given, cost is by the policy's price table."""

    id: str
    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    sources: tuple[str, ...] = ()
    finish_reason: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generated:
    """The texts for one request, in the order of its records, and which model and prompt wrote them."""

    model: str
    version: str
    release_id: str
    request_id: str
    prompt: str | None
    generations: tuple[Generation, ...]


def read_generated(content: Any) -> Generated:
    """Read parsed JSON; what a newer server adds is left out.

    Raises KeyError or TypeError for what is no such answer.

    >>> read_generated({"model": "shop", "version": "3", "release_id": "r", "request_id": "q", "prompt": "p/1",
    ...                 "generations": [{"id": "a", "text": "A mug."}]}).generations[0].text
    'A mug.'
    """
    generations = tuple(
        Generation(
            id=row["id"],
            text=row["text"],
            sources=tuple(row.get("sources") or ()),
            finish_reason=row.get("finish_reason"),
            flags=tuple(row.get("flags") or ()),
            **{name: (row.get("usage") or {}).get(name) for name in _USAGE},
        )
        for row in content["generations"]
    )
    about = {name: str(content[name]) for name in _ABOUT}
    return Generated(generations=generations, prompt=content.get("prompt"), **about)


def read_answer(content: Any) -> Answer:
    """Read parsed JSON; what a newer server adds is left out.

    Raises KeyError or TypeError for what is no answer.

    >>> read_answer({"model": "lending", "version": "3", "release_id": "r", "request_id": "q",
    ...              "predictions": [{"id": "a", "prediction": 1, "score": 0.75}]}).predictions
    (Prediction(id='a', prediction=1, score=0.75, flags=()),)
    """
    predictions = tuple(
        Prediction(row["id"], row["prediction"], row.get("score"), tuple(row.get("flags") or ()))
        for row in content["predictions"]
    )
    about = {name: str(content[name]) for name in _ABOUT}
    return Answer(predictions=predictions, **about)
