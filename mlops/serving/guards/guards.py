"""All guards of one served model, put together when the server starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evaluation.errors import UserError
from evaluation.types import Task
from mlops.data.names import listed, suggest
from mlops.packaging.load import InputField
from mlops.packaging.ranges import FieldRange, Ranges
from mlops.serving.guards.check import Check, Look
from mlops.serving.guards.config import GuardsConfig
from mlops.serving.guards.findings import Count, Findings, count_nothing
from mlops.serving.guards.inputs import input_checks
from mlops.serving.guards.outputs import AnswerGuard
from mlops.serving.guards.text import text_checks

Row = tuple[Any, ...]
Flags = tuple[str, ...]

_MAX_FLAGS = 20
# From so many rows, columns are looked at whole first.
_MANY = 16
# So many of them at once, so that what is looked at twice is still near.
_PART = 1000


@dataclass(frozen=True)
class Guards:
    """Holds requests against what training saw and answers against their bounds.

    `checks` are pairs of a field's place in a row and what is looked for in it, in the order in which it is done.

    >>> seen = Ranges({"age": FieldRange(missing=0.0, low=18, high=90)})
    >>> age = InputField("age", "long", required=True)
    >>> config = GuardsConfig.model_validate({"out_of_range": "clip"})
    >>> guards = Guards.of(config, [age], seen, task=Task.BINARY, classes=(0, 1))
    >>> guards.before([(31,), (200,)])
    ([(31,), (90,)], [(), ('age:above',)])
    """

    checks: tuple[tuple[int, Check], ...]
    answers: AnswerGuard
    count: Count = count_nothing

    @classmethod
    def of(  # noqa: PLR0913 - keyword-only, one a fact
        cls,
        config: GuardsConfig,
        inputs: Sequence[InputField],
        ranges: Ranges,
        *,
        task: Task,
        classes: Sequence[Any],
        count: Count = count_nothing,
    ) -> "Guards":
        """Put the guards of a model together; `count` is told of what they find.

        Raises UserError for what the policy asks of a field that is not there or not of that kind.
        """
        _require_fields(config, inputs)
        never = FieldRange(missing=1.0)
        checks = [
            (place, check)
            for place, field in enumerate(inputs)
            for check in (
                *input_checks(config, field, ranges.fields.get(field.name, never), ranges.salt),
                *text_checks(config, field),
            )
        ]
        return cls(tuple(checks), AnswerGuard.of(config.outputs, task, classes), count)

    @property
    def active(self) -> bool:
        """Whether `before` looks at anything; `after` always does."""
        return bool(self.checks)

    def before(self, rows: Sequence[Row]) -> tuple[list[Row], list[Flags]]:
        """Look at rows in the order of the signature's fields; gives them, perhaps changed, and each one's flags.

        Raises Rejected where the policy refuses what was found.
        """
        kept = list(rows)
        flags: list[Flags] = [()] * len(kept)
        if suspects := self._suspects(kept):
            findings = Findings()
            for number in suspects:
                kept[number], flags[number] = self._judge(kept[number], number, findings)
            findings.settle(self.count)
        return kept, flags

    def after(self, labels: Sequence[Any], scores: Sequence[Any]) -> tuple[list[Any], list[Any], list[Flags]]:
        """Look at answers; gives labels, perhaps clipped, scores, and each one's flags.

        Raises ModelFailed for what is no answer of such a model, Rejected where the policy refuses one.
        """
        self.answers.require_answers(labels, scores)
        kept: list[Any] = list(labels)
        flags: list[Flags] = [()] * len(kept)
        if self.answers.bounded:
            findings = Findings()
            for number, label in enumerate(labels):
                kept[number], flags[number] = self.answers.bound(label, number, findings)
            findings.settle(self.count)
        return kept, list(scores), flags

    def _suspects(self, rows: list[Row]) -> list[int]:
        """The rows in which something will be found, in order."""
        if len(rows) < _MANY:
            return [number for number, row in enumerate(rows) if self._suspect(row)]
        suspects: list[int] = []
        for start in range(0, len(rows), _PART):
            suspects += sorted(self._suspects_by_column(rows[start : start + _PART], start))
        return suspects

    def _suspect(self, row: Row) -> bool:
        for place, look in self._looks:  # noqa: SIM110 - a generator would cost as much as the looks
            if look(row[place]) is not None:
                return True
        return False

    def _suspects_by_column(self, rows: list[Row], start: int) -> set[int]:
        columns = list(zip(*rows, strict=True))
        suspects: set[int] = set()
        for place, check in self.checks:
            column = columns[place]
            if not check.passes(column):
                look = check.look
                suspects.update(
                    number for number, value in enumerate(column, start) if look(value) is not None
                )
        return suspects

    @cached_property
    def _looks(self) -> tuple[tuple[int, Look], ...]:
        return tuple((place, check.look) for place, check in self.checks)

    def _judge(self, row: Row, number: int, findings: Findings) -> tuple[Row, Flags]:
        """Take a row through all its checks, each after what the one before made of it."""
        values: list[Any] = list(row)
        flags: list[str] = []
        for place, check in self.checks:
            if (found := check.look(values[place])) is not None:
                kinds, values[place] = found
                flags += [findings.note(number, check.field, kind, check.action) for kind in kinds]
        return tuple(values), tuple(flags[:_MAX_FLAGS])


def _require_fields(config: GuardsConfig, inputs: Sequence[InputField]) -> None:
    known = {field.name: field.dtype for field in inputs}
    for name in config.fields:
        if name not in known:
            raise UserError(
                f"serve.guards.fields names '{name}', which the model does not have",
                expected=f"one of: {listed(known)}",
                next_step=suggest(name, known, "correct serve.guards.fields in weighbridge.yaml"),
            )
