"""Holding a value against what training saw of its field."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.packaging.ranges import FieldRange, hashed
from mlops.serving.guards.config import Action, FieldGuards, GuardsConfig

# What was found, and the value that goes on; None where there is nothing to tell. Never raises, whatever the value.
Look = Callable[[Any], tuple[tuple[str, ...], Any] | None]
# Whether a whole column holds nothing that a look would find; may say no where it cannot tell.
Passes = Callable[[Sequence[Any]], bool]

_INTEGERS, _NUMBERS = ("long", "integer"), ("long", "integer", "double", "float")


@dataclass(frozen=True)
class Check:
    """One guard of one field: how it looks, and what is done where it finds something."""

    field: str
    action: Action
    look: Look
    passes: Passes


def input_checks(config: GuardsConfig, field: InputField, seen: FieldRange, salt: str) -> list[Check]:
    """What training tells about a field, as far as the policy wants to hear it; raises UserError for bounds
    that no value can keep."""
    own = config.fields.get(field.name, FieldGuards())
    checks = []
    on_missing = own.missing or config.missing
    if on_missing is not Action.IGNORE and not field.required and not seen.missing:
        checks.append(Check(field.name, on_missing, _look_missing, _none_missing))
    on_range = own.out_of_range or config.out_of_range
    if field.dtype in _NUMBERS and on_range is not Action.IGNORE:
        low, high = bounds(own, field, seen)
        if low > -math.inf or high < math.inf:
            look = _look_range(low, high, clip=on_range is Action.CLIP)
            checks.append(Check(field.name, on_range, look, _all_within(low, high)))
    on_unseen = own.unseen_category or config.unseen_category
    if field.dtype == "string" and on_unseen is not Action.IGNORE:
        if seen.categories is not None:
            known = frozenset(seen.categories)
            checks.append(Check(field.name, on_unseen, _look_known(known), _all_known(known)))
        elif seen.hashes is not None:
            hashes = frozenset(seen.hashes)
            checks.append(Check(field.name, on_unseen, _look_hashed(hashes, salt), _never))
    return checks


def bounds(own: FieldGuards, field: InputField, seen: FieldRange) -> tuple[float, float]:
    """The range of a numeric field, infinite where it is open; the policy's bounds come before training's.

    Whole numbers have whole bounds, and those of single precision are as far apart as its rounding asks for.
    """
    low = own.low if own.low is not None else seen.low
    high = own.high if own.high is not None else seen.high
    if field.dtype in _INTEGERS:
        low, high = low if low is None else math.ceil(low), high if high is None else math.floor(high)
    elif field.dtype == "float":
        low = None if low is None else float(np.nextafter(np.float32(low), np.float32(-np.inf)))
        high = None if high is None else float(np.nextafter(np.float32(high), np.float32(np.inf)))
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if low > high:
        raise UserError(
            f"no value of '{field.name}' can be between {low} and {high}",
            expected="low at most high, where one that is not set is what training saw",
            next_step=f"set both under serve: guards: fields: {field.name}",
        )
    return low, high


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


def _all_within(low: float, high: float) -> Passes:
    def passes(column: Sequence[Any]) -> bool:
        try:
            # A sum that is not itself tells of one that is not a number, which min and max pass over.
            total = sum(column)
            return bool(low <= min(column) and max(column) <= high and total == total)  # noqa: PLR0124
        except (TypeError, OverflowError):
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


def _never(_: Sequence[Any]) -> bool:
    return False


def _look_missing(value: Any) -> tuple[tuple[str, ...], Any] | None:
    return (("missing",), value) if value is None or value != value else None  # noqa: PLR0124


def _none_missing(column: Sequence[Any]) -> bool:
    return None not in column and not any(value != value for value in column)  # noqa: PLR0124
