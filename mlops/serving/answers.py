"""What a caller is answered, as values; whichever server stands in front writes them as it likes."""

from dataclasses import dataclass

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Prediction:
    """One row's answer; `score` is the probability of the positive (binary) or predicted class.

    flags: what the guards said of the row.
    """

    id: str
    prediction: Scalar
    score: float | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer to one request, and who gave it."""

    model: str
    version: str
    release_id: str
    request_id: str
    predictions: list[Prediction]

    @property
    def count(self) -> int:
        """How many rows were answered."""
        return len(self.predictions)


@dataclass(frozen=True)
class Usage:
    """Tokens as the language model counted them, None where it does not tell; cost by the policy's price table."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


@dataclass(frozen=True)
class Generation:
    """One row's text. sources: ids of the passages that it was given, best first; finish_reason: stop, length, ..."""

    id: str
    text: str
    usage: Usage
    sources: list[str]
    finish_reason: str | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generated:
    """The answer to one request for texts; prompt: the version of the prompt that wrote them, as NAME/VERSION."""

    model: str
    version: str
    release_id: str
    request_id: str
    prompt: str | None
    generations: list[Generation]

    @property
    def count(self) -> int:
        """How many rows were answered."""
        return len(self.generations)


@dataclass(frozen=True)
class Accepted:
    """How many labels were taken."""

    accepted: int
