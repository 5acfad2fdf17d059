"""Looking into texts."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from evaluation.detectors.personal import personal_scan
from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.serving.guards.check import Check, Look
from mlops.serving.guards.config import Action, GuardsConfig, TextGuards
from mlops.serving.guards.injection import injection_search

# All of C0 but tab and line ends, C1, what turns the direction of writing, and tags that no screen shows.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
# In place of a text that gives orders: with the phrase cut out, the rest of the order would stay.
_MASKED = "[masked]"


def text_checks(config: GuardsConfig, field: InputField) -> list[Check]:
    """What the policy wants to know of a text field, in the order in which it is looked for.

    Raises UserError where the policy names a field that is no text.
    """
    if field.dtype != "string":
        if field.name in config.fields and config.fields[field.name].text is not None:
            raise UserError(
                f"serve.guards.fields.{field.name} sets text, but the field is of type {field.dtype}",
                expected="guards of text for fields of type string",
                next_step=f"remove it from serve.guards.fields.{field.name} in weighbridge.yaml",
            )
        return []
    guards = _merged(config, field.name)
    looks: list[tuple[Action | None, Callable[[bool], Look]]] = [(guards.control, _look_control)]
    if guards.max_length is not None:
        longest = guards.max_length
        looks.append((guards.too_long or Action.FLAG, lambda mask: _look_length(longest, mask=mask)))
    looks += [(guards.injection, _look_injection), (guards.personal, _look_personal)]
    return [
        Check(field.name, action, look(action is Action.MASK), _cannot_tell)
        for action, look in looks
        if action is not None and action is not Action.IGNORE
    ]


def _merged(config: GuardsConfig, name: str) -> TextGuards:
    """The field's own keys before those of the section."""
    own = config.fields[name].text if name in config.fields else None
    every = config.text.model_dump(exclude_none=True) | (own.model_dump(exclude_none=True) if own else {})
    return TextGuards.model_validate(every)


def _cannot_tell(_: Sequence[Any]) -> bool:
    return False


def _look_control(mask: bool) -> Look:
    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if not isinstance(value, str) or _CONTROL.search(value) is None:
            return None
        return ("control",), _CONTROL.sub("", value) if mask else value

    return look


def _look_length(longest: int, *, mask: bool) -> Look:
    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if not isinstance(value, str) or len(value) <= longest:
            return None
        return ("long",), value[:longest] if mask else value

    return look


def _look_injection(mask: bool) -> Look:
    found = injection_search()

    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if not isinstance(value, str) or not found(value):
            return None
        return ("injection",), _MASKED if mask else value

    return look


def _look_personal(mask: bool) -> Look:
    scan = personal_scan()

    def look(value: Any) -> tuple[tuple[str, ...], Any] | None:
        if not isinstance(value, str):
            return None
        kinds, without = scan(value)
        return (kinds, without if mask else value) if kinds else None

    return look
