"""From a request's body to its rows: in JSON, more strictly than the standard library reads it, or in Arrow."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio

from mlops.serving.errors import BadSyntax

if TYPE_CHECKING:
    from mlops.serving.schemas import Asked
    from mlops.serving.version import ServedVersion

# From so many bytes, reading takes longer than a turn of the event loop should.
_LARGE = 64 * 1024


class Form(StrEnum):
    """How a body is written, by media type."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"


async def read_rows(body: bytes, form: Form, version: "ServedVersion") -> "Asked":
    """The rows in a body; a large one is read in a thread, so that small ones need not wait for it.

    Raises BadSyntax or Invalid.
    """
    if len(body) > _LARGE:
        return await anyio.to_thread.run_sync(_read, body, form, version)
    return _read(body, form, version)


def _read(body: bytes, form: Form, version: "ServedVersion") -> "Asked":
    if form is Form.ARROW:
        from mlops.serving import arrow

        return arrow.read(body, version.inputs, max_records=version.schemas.max_records)
    return version.schemas.read(parse(body))


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
