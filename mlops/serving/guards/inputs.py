"""Holding a value against what training saw of its field."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.packaging.ranges import FieldRange, hashed
from mlops.serving.guards.check import Check, Look, Passes
from mlops.serving.guards.config import Action, FieldGuards, GuardsConfig

_INTEGERS, _NUMBERS = ("long", "integer"), ("long", "integer", "double", "float")


def input_checks(config: GuardsConfig, field: InputField, seen: FieldRange, salt: str) -> list[Check]:
    """What training tells about a field, as far as the policy wants to hear it.

    Raises UserError where the policy asks of this very field what nothing is known to answer with.
    """
    own = config.fields.get(field.name, FieldGuards())
    return [
        *_missing_check(field, seen, own.missing or config.missing),
        *_range_check(field, seen, own, own.out_of_range or config.out_of_range),
        *_category_check(field, seen, own, own.unseen_category or config.unseen_category, salt),
    ]


def _missing_check(field: InputField, seen: FieldRange, action: Action) -> list[Check]:
    if action is Action.IGNORE or field.required or seen.missing:
        return []
    return [Check(field.name, action, _look_missing, _none_missing)]


def _range_check(field: InputField, seen: FieldRange, own: FieldGuards, action: Action) -> list[Check]:
    low, high = bounds(own, field, seen) if field.dtype in _NUMBERS else (-math.inf, math.inf)
    known = (low, high) != (-math.inf, math.inf)
    asked = (own.low, own.high) != (None, None) or own.out_of_range not in (None, Action.IGNORE)
    if asked and not known:
        raise _cannot_guard(field, "out_of_range, low or high", "a number of which training saw a range")
    if action is Action.IGNORE or not known:
        return []
    return [Check(field.name, action, _look_range(low, high, clip=action is Action.CLIP), _within(low, high))]


def _category_check(
    field: InputField, seen: FieldRange, own: FieldGuards, action: Action, salt: str
) -> list[Check]:
    known = field.dtype == "string" and (seen.categories is not None or seen.hashes is not None)
    if not known and own.unseen_category not in (None, Action.IGNORE):
        raise _cannot_guard(field, "unseen_category", "a text of which training saw at most 1,000 categories")
    if action is Action.IGNORE or not known:
        return []
    if seen.categories is not None:
        categories = frozenset(seen.categories)
        return [Check(field.name, action, _look_known(categories), _all_known(categories))]
    hashes = frozenset(seen.hashes or ())
    return [Check(field.name, action, _look_hashed(hashes, salt), _all_hashed(hashes, salt))]


def bounds(own: FieldGuards, field: InputField, seen: FieldRange) -> tuple[float, float]:
    """The range of a numeric field, infinite where it is open; the policy's bounds come before training's.

    Whole numbers have whole bounds; single precision is given room for its rounding.
    """
    low = _first(own.low, seen.low, otherwise=-math.inf)
    high = _first(own.high, seen.high, otherwise=math.inf)
    if field.dtype in _INTEGERS:
        low = math.ceil(low) if math.isfinite(low) else low
        high = math.floor(high) if math.isfinite(high) else high
    elif field.dtype == "float":
        low = float(np.nextafter(np.float32(low), np.float32(-np.inf)))
        high = float(np.nextafter(np.float32(high), np.float32(np.inf)))
    else:
        low, high = float(low), float(high)
    if low > high:
        raise UserError(
            f"no value of '{field.name}' is between {low} and {high}",
            expected="low at most high; one that is not set is what training saw",
            next_step=f"set both for {field.name} under serve.guards.fields in weighbridge.yaml",
        )
    return low, high


def _first(*bounds: float | None, otherwise: float) -> float:
    return next((bound for bound in bounds if bound is not None), otherwise)


def _cannot_guard(field: InputField, keys: str, expected: str) -> UserError:
    return UserError(
        f"serve.guards.fields.{field.name} sets {keys}, but nothing is known to hold it against",
        expected=f"{expected}; this one is of type {field.dtype}",
        next_step=f"remove it from serve.guards.fields.{field.name} in weighbridge.yaml",
    )


def _look_range(low: float, high: float, *, clip: bool) -> Look:
    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if value is None:
            return None
        try:
            if low <= value <= high:
                return None
            below, above = value < low, value > high
        except TypeError:
            return None
        if below:
            return ("below",), low if clip else value
        # What is neither is not a number, which counts as missing.
        return (("above",), high if clip else value) if above else None

    return look


def _within(low: float, high: float) -> Passes:
    def passes(column: Sequence[Any]) -> bool:
        try:
            return bool(low <= min(column) and max(column) <= high)
        except TypeError:
            return False

    return passes


def _look_known(known: frozenset[str]) -> Look:
    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        try:
            return None if value is None or value in known else (("unseen",), value)
        except TypeError:
            return None

    return look


def _all_known(known: frozenset[str]) -> Passes:
    def passes(column: Sequence[Any]) -> bool:
        try:
            return known.issuperset(column)
        except TypeError:
            return False

    return passes


def _look_hashed(hashes: frozenset[str], salt: str) -> Look:
    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if not isinstance(value, str) or hashed(value, salt) in hashes:
            return None
        return ("unseen",), value

    return look


def _all_hashed(hashes: frozenset[str], salt: str) -> Passes:
    def passes(column: Sequence[Any]) -> bool:
        try:
            return all(value is None or hashed(value, salt) in hashes for value in set(column))
        except (TypeError, AttributeError):
            return False

    return passes


def _look_missing(value: Any) -> tuple[tuple[str, ...], Any] | None:
    return (("missing",), value) if value is None or value != value else None  # noqa: PLR0124


def _none_missing(column: Sequence[Any]) -> bool:
    return None not in column and not any(value != value for value in column)  # noqa: PLR0124
