"""What a server answers, as values."""

from dataclasses import dataclass
from typing import Any

Scalar = bool | int | float | str


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
    about = {name: str(content[name]) for name in ("model", "version", "release_id", "request_id")}
    return Answer(predictions=predictions, **about)
