"""POSTed truth as the request log keeps it: each label as the model itself names it."""

from datetime import datetime
from typing import Any

from evaluation.types import Form, Task
from mlops.serving.answers import Scalar
from mlops.serving.body import parse
from mlops.serving.errors import FieldProblem, Invalid
from mlops.serving.schemas import Label, validate
from mlops.serving.version import ServedVersion
from monitoring.store.base import LabelRecord


def labels_in(body: bytes, version: ServedVersion, at: datetime) -> list[LabelRecord]:
    """The labels in a JSON body; raises BadSyntax, or Invalid for one that this model could never have answered."""
    request = validate(version.schemas.feedback, parse(body))
    known = {label: label for label in version.classes}
    return [
        LabelRecord(label.id, at, _truth(version.bundle.task, known, label, number))
        for number, label in enumerate(request.labels)
    ]


def _truth(task: Task, known: dict[Any, Any], label: Label, number: int) -> Scalar:
    """The label as the model names it: 1, 1.0 and true are the same class to a caller."""
    field = f"labels.{number}.label"
    if task.form is Form.TEXT:
        if not isinstance(label.label, str):
            raise Invalid("a label does not fit", [FieldProblem(field, "should be a text")])
        return label.label
    if task.form is Form.NUMBER:
        if isinstance(label.label, bool | str):
            raise Invalid("a label does not fit", [FieldProblem(field, "should be a number")])
        return float(label.label)
    if task is Task.BINARY and label.label not in known:
        raise Invalid("a label does not fit", [FieldProblem(field, "should be one of the model's classes")])
    found: Scalar = known.get(label.label, label.label)
    return found
