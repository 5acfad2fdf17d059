"""Reading a request's body as JSON, more strictly than the standard library does by itself."""

import json
from typing import Any

from mlops.serving.errors import BadSyntax


def parse(body: bytes) -> Any:
    """Read UTF-8 JSON; NaN, Infinity, repeated keys, huge integers and very deep nesting are refused.

    A number such as 1e999 becomes infinite; the schema refuses that, and can name its field.
    Raises BadSyntax.

    >>> parse(b'{"age": 31}')
    {'age': 31}
    """
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadSyntax("the body is not UTF-8") from None
    except RecursionError:
        raise BadSyntax("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise BadSyntax(f"the body is not JSON: line {error.lineno}, column {error.colno}") from None
    except ValueError:
        # Python refuses to read integers of more than 4,300 digits.
        raise BadSyntax("the body holds a number with too many digits") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadSyntax("an object in the body names a key twice")
    return found


def _constant(name: str) -> Any:
    raise BadSyntax(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
