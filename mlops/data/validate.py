"""Checking a project's tables before anything is trained on them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evaluation.types import Form, Task, Verdict
from mlops.config import DataConfig
from mlops.data.checks import (
    DataCheck,
    check_classes,
    check_features,
    check_groups,
    check_rows,
    check_schema,
    check_target,
)
from mlops.data.expectations import run_suite
from mlops.data.load import Dataset
from mlops.data.repeats import check_copies, check_duplicates, check_overlap
from mlops.data.suite import Line, read_suite
from mlops.data.texts import check_prose

_BUILT_IN_SHARE = 0.2
"""Of the time; importing Great Expectations takes most."""


@dataclass(frozen=True)
class Validation:
    """Every check of a project's data, in order."""

    checks: tuple[DataCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """What the checks add up to; nothing checked is never a pass."""
        return Verdict.worst([check.verdict for check in self.checks])


def validate(  # noqa: PLR0913 - keyword-only, with defaults
    dataset: Dataset,
    *,
    task: Task,
    data: DataConfig,
    expectations: Path | None = None,
    groups: Sequence[str] = (),
    shown: Mapping[str, Sequence[str]] = MappingProxyType({}),
    corpus: Sequence[str] = (),
    progress: Callable[[float], None] | None = None,
) -> Validation:
    """Run every check, and the user's Great Expectations suite on both tables.

    groups: the columns whose values the gate slices or groups by. shown, corpus: what answers in text are made
    from beside their case, such as the prompt by its name, and the passages that are looked up.
    progress takes the share that is done, 0 to 1. Raises UserError for a suite that cannot be read or does not fit
    the tables' columns; what is wrong with the data is a result, never an error.
    """
    advance = progress or (lambda _: None)
    suite = _suite(expectations, dataset)
    checks = [*_built_in(dataset, task, data, groups), *check_prose(dataset, data, shown, corpus)]
    if suite:
        advance(_BUILT_IN_SHARE)
        checks += run_suite(
            suite, dataset, lambda share: advance(_BUILT_IN_SHARE + (1 - _BUILT_IN_SHARE) * share)
        )
    advance(1.0)
    return Validation(tuple(checks))


def validation_to_json(found: Validation) -> dict[str, Any]:
    """Give the result as JSON values: {"verdict", "checks": [{"name", "verdict", "message", "detail"}]}."""
    return {"verdict": found.verdict.value, "checks": [_check_to_json(check) for check in found.checks]}


def validation_from_json(content: Mapping[str, Any]) -> Validation:
    """Read what `validation_to_json` gave; the verdict is worked out again from the checks."""
    return Validation(
        tuple(DataCheck(**{**check, "verdict": Verdict(check["verdict"])}) for check in content["checks"])
    )


def _suite(path: Path | None, dataset: Dataset) -> tuple[Line, ...]:
    if path is None:
        return ()
    return read_suite(path, list(dict.fromkeys([*dataset.train.columns, *dataset.evaluate.columns])))


def _built_in(dataset: Dataset, task: Task, data: DataConfig, groups: Sequence[str]) -> Iterator[DataCheck]:
    yield check_rows(dataset)
    yield check_schema(dataset)
    yield check_target(dataset, data, task)
    if task.form is Form.CLASS:
        yield check_classes(dataset, data)
    yield check_duplicates(dataset, data)
    yield check_copies(dataset)
    yield check_overlap(dataset, data)
    yield check_features(dataset)
    if groups:
        yield check_groups(dataset, groups)


def _check_to_json(check: DataCheck) -> dict[str, Any]:
    return {**asdict(check), "verdict": check.verdict.value, "detail": dict(check.detail)}
