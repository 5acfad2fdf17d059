"""Holding answers against what the model may say at all, and against the bounds of the policy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.errors import UserError
from evaluation.types import Form, Task
from mlops.serving.errors import ModelFailed
from mlops.serving.guards.config import Action, OutputGuards
from mlops.serving.guards.findings import Findings

_FIELD = "prediction"


@dataclass(frozen=True)
class AnswerGuard:
    """The bounds of numbers, infinite where open, or the classes of a classification; texts have neither."""

    task: Task
    classes: frozenset[Any]
    low: float
    high: float
    on_break: Action

    @classmethod
    def of(cls, config: OutputGuards, task: Task, classes: Sequence[Any]) -> "AnswerGuard":
        """Take the bounds from the policy; raises UserError for bounds of a classification."""
        low = -math.inf if config.low is None else config.low
        high = math.inf if config.high is None else config.high
        if task.form is not Form.NUMBER and (low, high) != (-math.inf, math.inf):
            raise UserError(
                f"serve.guards.outputs has bounds, but the task is {task}",
                expected="bounds for a regression; a score is between 0 and 1 anyway, a label one of the classes",
                next_step="remove low and high of serve.guards.outputs in weighbridge.yaml",
            )
        return cls(task, frozenset(classes), low, high, config.on_break)

    def require_answers(self, labels: Sequence[Any], scores: Sequence[Any]) -> None:
        """Refuse what is no answer of such a model: a label that is no class, a score outside [0, 1].

        Raises ModelFailed, without the answer: it may repeat what the caller sent.
        """
        if self.task.form is Form.TEXT:
            if not all(isinstance(label, str) for label in labels):
                raise ModelFailed("the model gave an answer that is no text")
            return
        if self.task.form is Form.NUMBER:
            if not all(map(_is_number, labels)):
                raise ModelFailed("the model gave a prediction that is no number")
            return
        try:
            known = self.classes.issuperset(labels)
        except TypeError:
            known = False
        if not known:
            raise ModelFailed("the model gave a label that is none of its classes")
        if not all(score is None or (_is_number(score) and 0 <= score <= 1) for score in scores):
            raise ModelFailed("the model gave a score outside of 0 to 1")

    @property
    def bounded(self) -> bool:
        """Whether the policy bounds answers."""
        return (self.low, self.high) != (-math.inf, math.inf)

    def bound(self, label: float, number: int, findings: Findings) -> tuple[float, tuple[str, ...]]:
        """Hold the answer to record `number` against the bounds; gives it, perhaps clipped, and its flags."""
        if self.low <= label <= self.high:
            return label, ()
        kind, nearest = ("below", self.low) if label < self.low else ("above", self.high)
        flag = findings.note(number, _FIELD, kind, self.on_break)
        return nearest if self.on_break is Action.CLIP else label, (flag,)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
