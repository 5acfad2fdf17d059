"""Bulk requests and answers as Apache Arrow IPC streams: columns as they are in memory, nothing to parse a row.

What is read is bounded before it is decoded: compressed and dictionary-encoded batches, which may be small on the way
and huge in memory, are refused.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops.packaging.load import InputField
from mlops.serving.errors import BadSyntax, FieldProblem, Invalid
from mlops.serving.schemas import FLOAT32, MAX_TEXT, Asked, distinct

if TYPE_CHECKING:
    from mlops.serving.answers import Answer

# A column of this name gives the ids of the rows; a feature cannot be called so.
ID = "weighbridge.id"
_TYPES: dict[str, pa.DataType] = {
    "double": pa.float64(),
    "float": pa.float32(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
_SAID = {
    "double": "numbers",
    "float": "numbers",
    "long": "whole numbers of 64 bits",
    "integer": "whole numbers of 32 bits",
    "string": "text",
    "boolean": "true or false",
    "datetime": "timestamps",
}
# Up to here every whole number is a float of its own.
_EXACT = 2**53
# What a file begins with, and the name that pandas gives to rows' numbers that are not 0, 1, 2, ...
_FILE, _INDEX = b"ARROW1", "__index_level_"
_INDEX_SAID = "should not be there: pa.Table.from_pandas(frame, preserve_index=False)"
_COMPRESSED = "send batches without compression and without dictionaries"


def read(body: bytes, inputs: Sequence[InputField], *, max_records: int) -> Asked:
    """The rows of an Arrow IPC stream that has a column a field of the signature, in any order.

    Values become what the signature says where nothing is lost by it. Raises BadSyntax for what is no such stream, and
    Invalid that names the columns at fault.
    """
    table = _table(body, max_records)
    names = [field.name for field in inputs]
    problems = [
        FieldProblem(name, _INDEX_SAID if name.startswith(_INDEX) else "should not be there")
        for name in table.column_names
        if name not in {*names, ID} or table.column_names.count(name) > 1
    ]
    columns = [_values(table, field, problems) for field in inputs]
    ids = _ids(table, problems)
    if problems:
        raise Invalid(f"{len(problems)} problem(s) with the request's columns", problems)
    return Asked(list(zip(*columns, strict=True)), distinct(ids, table.num_rows))


def write(answer: "Answer") -> bytes:
    """An answer as a stream of one batch: id, prediction, score and flags a row; who answered is its metadata."""
    said = answer.predictions
    told = {
        "model": answer.model,
        "version": answer.version,
        "release_id": answer.release_id,
        "request_id": answer.request_id,
    }
    table = pa.table(
        {
            "id": [one.id for one in said],
            "prediction": [one.prediction for one in said],
            "score": pa.array([one.score for one in said], pa.float64()),
            "flags": pa.array([one.flags for one in said], pa.list_(pa.string())),
        }
    ).replace_schema_metadata(told)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _table(body: bytes, max_records: int) -> pa.Table:
    if body.startswith(_FILE):
        raise BadSyntax(
            "the body is an Arrow IPC file; send a stream, as write_ipc_stream or ipc.new_stream makes it"
        )
    try:
        rows = sum(_lengths(body))
        if not 1 <= rows <= max_records:
            raise Invalid("rows do not fit", [FieldProblem("body", f"should have 1 to {max_records:,} rows")])
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error, OverflowError) as error:
        raise BadSyntax("the body is no Arrow IPC stream") from error
    return table


def _lengths(body: bytes) -> Iterator[int]:
    """Rows of each batch, from its metadata alone."""
    for number, message in enumerate(pa.ipc.MessageReader.open_stream(body)):
        if (number == 0) != (message.type == "schema") or (number and message.type != "record batch"):
            raise BadSyntax(_COMPRESSED)
        if number:
            length, compressed = _batch(bytes(message.metadata))
            if compressed or length < 0:
                raise BadSyntax(_COMPRESSED)
            yield length


def _batch(metadata: bytes) -> tuple[int, bool]:
    """Rows of a record batch and whether its buffers are compressed; PyArrow does not tell before it decodes them.

    The metadata is a FlatBuffer, which PyArrow has verified: a Message, whose third field is the RecordBatch, whose
    first field is the length and whose fourth the compression. Source: Arrow's format/Message.fbs.
    """
    message = struct.unpack_from("<I", metadata, 0)[0]
    place = message + _field(metadata, message, 2)
    batch = place + struct.unpack_from("<I", metadata, place)[0]
    length = _field(metadata, batch, 0)
    rows = struct.unpack_from("<q", metadata, batch + length)[0] if length else 0
    return rows, bool(_field(metadata, batch, 3))


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffer's table lies, from the table's place; 0 where it is not set."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    size = struct.unpack_from("<H", metadata, fields)[0]
    offset = 4 + 2 * number
    return int(struct.unpack_from("<H", metadata, fields + offset)[0]) if offset < size else 0


def _values(table: pa.Table, field: InputField, problems: list[FieldProblem]) -> Sequence[Any]:
    if field.name not in table.column_names:
        if field.required:
            problems.append(FieldProblem(field.name, "should be there"))
        return [None] * table.num_rows
    column = table.column(field.name)
    try:
        column = _as(column, field.dtype)
    except (pa.ArrowException, ValueError):
        problems.append(FieldProblem(field.name, f"should be {_SAID[field.dtype]}"))
        return [None] * table.num_rows
    if field.required and column.null_count:
        problems.append(FieldProblem(field.name, "should have a value in every row"))
    elif wrong := _out_of_bounds(column, field.dtype):
        problems.append(FieldProblem(field.name, wrong))
    found: list[Any] = column.to_pylist()
    return found


def _as(column: pa.ChunkedArray, dtype: str) -> pa.ChunkedArray:
    """A column of the signature's type; a number is not made of text, nor text of a number.

    Whole numbers may come as floats, as pandas has them where one of a column is missing.
    """
    wanted, kind = _TYPES[dtype], column.type
    fits = {
        "double": pa.types.is_floating(kind) or pa.types.is_integer(kind),
        "float": pa.types.is_floating(kind) or pa.types.is_integer(kind),
        "long": pa.types.is_integer(kind) or pa.types.is_floating(kind),
        "integer": pa.types.is_integer(kind) or pa.types.is_floating(kind),
        "string": _is_text(kind),
        "boolean": pa.types.is_boolean(kind),
        "datetime": pa.types.is_timestamp(kind),
    }
    if not fits[dtype] and not pa.types.is_null(kind):
        raise ValueError(str(kind))
    whole = dtype in {"long", "integer"} and pa.types.is_floating(kind)
    if whole and (pc.max(pc.abs(column)).as_py() or 0.0) > _EXACT:
        raise ValueError("beyond exact floats")
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit))
    return column.cast(wanted)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _out_of_bounds(column: pa.ChunkedArray, dtype: str) -> str | None:
    if dtype in {"double", "float"} and pc.all(pc.is_finite(column)).as_py() is False:
        return "should be finite numbers"
    if dtype == "float" and (pc.max(pc.abs(column)).as_py() or 0.0) > FLOAT32:
        return f"should be within {FLOAT32:g}"
    if dtype == "string" and (pc.max(pc.utf8_length(column)).as_py() or 0) > MAX_TEXT:
        return f"should have at most {MAX_TEXT:,} characters"
    return None


def _ids(table: pa.Table, problems: list[FieldProblem]) -> list[str] | None:
    if ID not in table.column_names:
        return None
    column = table.column(ID)
    if not _is_text(column.type) or column.null_count:
        problems.append(FieldProblem(ID, "should be text in every row"))
        return None
    found: list[str] = column.to_pylist()
    if any(not 1 <= len(one) <= 128 or not one.isprintable() for one in found):
        problems.append(FieldProblem(ID, "should have 1 to 128 printable characters"))
        return None
    return found
