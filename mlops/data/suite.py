"""The user's Great Expectations suite, read and checked against that library's own schema."""

import logging
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluation.errors import UserError
from mlops.data.names import listed, suggest

LINE = "weighbridge_line"
"""Where an expectation's meta keeps its line: Great Expectations answers in an order of its own."""

_KEYS = ("type", "kwargs", "meta", "id", "notes", "description", "severity")
_COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class Line:
    """One expectation: its name (type and columns, unique in the suite) and the library's own object."""

    name: str
    expectation: Any


def read_suite(path: Path, columns: list[str]) -> tuple[Line, ...]:
    """Read a YAML (or JSON) file: a list of {type, kwargs, meta?}, or a mapping that has it as `expectations`.

    As in Great Expectations itself, `severity` changes nothing: an expectation holds or it does not.
    Raises UserError for a missing file, another shape, an unknown type or argument (with the nearest known one),
    a wrong value, and a column that is not among `columns`.
    """
    entries = _entries(path)
    quiet_great_expectations()
    names: Counter[str] = Counter()
    lines = []
    for number, entry in enumerate(entries):
        place = f"{path.name}, expectation {number + 1}"
        kwargs = _kwargs(entry, place)
        _require_known_columns(entry["type"], kwargs, columns, place)
        name = _name(entry["type"], kwargs)
        names[name] += 1
        if names[name] > 1:
            name += f" #{names[name]}"
        lines.append(Line(name, _build(entry["type"], kwargs, number, place)))
    return tuple(lines)


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"no readable expectations at {path}: {error.__class__.__name__}",
            expected="a YAML list of expectations",
            next_step="correct data.expectations in weighbridge.yaml, or write the file",
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}", expected="a list of expectations") from None
    if isinstance(content, dict):
        content = content.get("expectations")
    if not isinstance(content, list) or not content:
        raise UserError(
            f"{path} holds no expectation",
            expected="a list such as: [{type: expect_column_values_to_not_be_null, kwargs: {column: age}}]",
            next_step=f"add one, or remove data.expectations ({path.name}) from weighbridge.yaml",
        )
    for number, entry in enumerate(content, 1):
        _require_shape(entry, f"{path.name}, expectation {number}")
    return content


def _require_shape(entry: Any, place: str) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise UserError(f"{place} has no type", expected="{type: expect_..., kwargs: {...}}")
    for key in entry:
        if key not in _KEYS:
            raise UserError(
                f"{place}: unknown key '{key}'",
                expected=f"one of: {', '.join(_KEYS)}",
                next_step=suggest(str(key), _KEYS, "move arguments of the expectation under kwargs"),
            )


def _kwargs(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    kwargs = entry.get("kwargs") or {}
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise UserError(
            f"{place}: kwargs holds {type(kwargs).__name__}", expected="a mapping of arguments by name"
        )
    return kwargs


def _require_known_columns(kind: str, kwargs: Mapping[str, Any], columns: list[str], place: str) -> None:
    """Great Expectations would find the column absent only while running, and call that an exception."""
    if kind == "expect_column_to_exist":
        return
    for key in _COLUMN_KEYS:
        named = kwargs.get(key, [])
        for column in named if isinstance(named, list) else [named]:
            if column not in columns:
                raise UserError(
                    f"{place}: column '{column}' is in neither table",
                    expected=f"one of: {listed(columns)}",
                    next_step=suggest(str(column), columns, "correct the suite"),
                )


def _name(kind: str, kwargs: Mapping[str, Any]) -> str:
    """Say which expectation: its type and its columns."""
    named = [kwargs[key] for key in _COLUMN_KEYS if key in kwargs]
    columns = [str(column) for item in named for column in (item if isinstance(item, list) else [item])]
    return f"{kind} ({', '.join(columns)})" if columns else kind


def quiet_great_expectations() -> Any:
    """Import it without telemetry and without the warnings of its own imports."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return great_expectations


def _build(kind: str, kwargs: Mapping[str, Any], number: int, place: str) -> Any:
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import registry

    try:
        made = registry.get_expectation_impl(kind)
    except ExpectationNotFoundError:
        known = registry.list_registered_expectation_implementations()
        raise UserError(
            f"{place}: Great Expectations knows no type '{kind}'",
            expected="a type such as expect_column_values_to_be_between",
            next_step=suggest(kind, known, "see greatexpectations.io/expectations"),
        ) from None
    try:
        return made(**{**kwargs, "meta": {LINE: number}})
    except (ValueError, TypeError) as error:
        raise _wrong_arguments(error, made, place) from None


def _wrong_arguments(error: Exception, made: Any, place: str) -> UserError:
    """Tell pydantic's first complaint; the fields that every expectation has are not worth listing."""
    from great_expectations.expectations.expectation import Expectation

    errors = getattr(error, "errors", list)() or [{"loc": (), "msg": str(error)}]
    argument = ".".join(str(part) for part in errors[0]["loc"] if part != "__root__")
    known = sorted(set(made.__fields__) - set(Expectation.__fields__))
    return UserError(
        f"{place}: {argument or 'kwargs'}: {errors[0]['msg']}",
        expected=f"arguments: {', '.join(known)}",
        next_step=suggest(argument, known, "correct kwargs in the suite"),
    )
