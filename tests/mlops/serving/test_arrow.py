"""Bulk requests as Arrow streams: what is taken, what is refused before it is decoded, and how it is answered."""

import contextlib
import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.packaging.load import InputField
from mlops.serving import arrow
from mlops.serving.answers import Answer, Prediction
from mlops.serving.errors import BadSyntax, Invalid, RequestProblem
from mlops.serving.schemas import Schemas

KINDS = ("double", "float", "long", "integer", "string", "boolean", "datetime")
INPUTS = tuple(InputField(kind, kind, False) for kind in KINDS)
MOMENT = dt.datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as rows hold it


def stream(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read(table, inputs=INPUTS, max_records=10, **options):
    return arrow.read(stream(pa.table(table), **options), inputs, max_records=max_records)


def test_rows_are_those_of_the_same_columns_in_json():
    columns = {
        "double": [1.5, None],
        "float": [0.25, 2.0],
        "long": [1, 2**62],
        "integer": [None, 7],
        "string": ["größe", ""],
        "boolean": [True, None],
        "datetime": ["2026-03-01T12:00:00", None],
    }
    expected = Schemas(INPUTS, max_records=10).read({"columns": columns})
    columns["datetime"] = pa.array([MOMENT, None], pa.timestamp("ms"))
    asked = read(dict(reversed(columns.items())))
    assert asked == expected
    assert [type(value) for value in asked.rows[1]] == [type(value) for value in expected.rows[1]]


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("double", pa.array([3], pa.int8()), 3.0),
        ("long", pa.array([3], pa.uint16()), 3),
        ("long", pa.array([3.0, None]), 3),
        ("long", pa.array([-(2.0**53)]), -(2**53)),
        ("integer", pa.array([7.0], pa.float32()), 7),
        ("string", pa.array(["a"], pa.large_string()), "a"),
        ("string", pa.array([None], pa.null()), None),
        ("datetime", pa.array([1_772_366_400_000_000], pa.timestamp("us", "Europe/Berlin")), MOMENT),
        ("datetime", pa.array([1_772_366_400], pa.timestamp("s")), MOMENT),
    ],
)
def test_what_loses_nothing_is_taken(kind, column, value):
    assert read({kind: column}).rows[0][KINDS.index(kind)] == value


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("double", ["1.5"]),
        ("double", [float("nan")]),
        ("double", [float("inf")]),
        ("double", [True]),
        ("float", [1e39]),
        ("long", [1.5]),
        ("long", [2.0**53 + 2]),
        ("long", [float("nan")]),
        ("integer", [2.0**31]),
        ("long", ["3"]),
        ("long", [True]),
        ("long", pa.array([2**63], pa.uint64())),
        ("integer", [2**31]),
        ("string", [1]),
        ("string", ["x" * 10_001]),
        ("string", [b"x"]),
        ("boolean", [1]),
        ("datetime", ["2026-03-01"]),
        ("datetime", pa.array([2**60], pa.timestamp("s"))),
        ("double", [[1.0]]),
        ("double", pa.array([{"a": 1}])),
        ("extra", [1]),
        (arrow.ID, [1]),
        (arrow.ID, [""]),
        (arrow.ID, ["a\n"]),
    ],
)
def test_refused_by_name_and_without_the_value(kind, column):
    with pytest.raises(Invalid) as caught:
        read({"double": [1.0], kind: column} if kind != "double" else {kind: column})
    assert [item.field for item in caught.value.fields] == [kind]


def test_what_is_often_sent_by_mistake_is_told_how_to_mend():
    import pandas as pd

    kept = pd.DataFrame({"long": [1, 2, 3]}).iloc[[2, 0]]
    with pytest.raises(Invalid) as caught:
        arrow.read(stream(pa.Table.from_pandas(kept)), INPUTS, max_records=10)
    (item,) = caught.value.fields
    assert "preserve_index=False" in item.message
    assert (
        arrow.read(stream(pa.Table.from_pandas(kept, preserve_index=False)), INPUTS, max_records=10).rows[0][
            KINDS.index("long")
        ]
        == 3
    )
    with pytest.raises(Invalid) as caught:
        read({"long": ["3"]})
    assert [item.message for item in caught.value.fields] == ["should be whole numbers of 64 bits"]
    sink = pa.BufferOutputStream()
    table = pa.table({"long": [1]})
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    with pytest.raises(BadSyntax, match="an Arrow IPC file; send a stream"):
        arrow.read(bytes(sink.getvalue()), INPUTS, max_records=10)


def test_a_required_column_has_a_value_in_every_row():
    inputs = [InputField("a", "long", True), InputField("b", "long", True)]
    for table, fields in (
        ({"a": [1, None], "b": [1, 2]}, ["a"]),
        ({"b": [1]}, ["a"]),
        ({"x": [1]}, ["x", "a", "b"]),
    ):
        with pytest.raises(Invalid) as caught:
            read(table, inputs)
        assert [item.field for item in caught.value.fields] == fields


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_ids(kind):
    # Polars writes its texts as views.
    assert read({"long": [1, 2], arrow.ID: pa.array(["a", "b"], kind)}).ids == ["a", "b"]
    with pytest.raises(Invalid, match="ids do not fit"):
        read({"long": [1, 2], arrow.ID: ["a", "a"]})


@pytest.mark.parametrize("rows", [0, 11])
def test_rows_are_counted_before_they_are_read(rows):
    with pytest.raises(Invalid, match="rows do not fit"):
        read({"long": list(range(rows))})


def test_small_on_the_way_and_huge_in_memory_is_refused_before_it_is_decoded():
    body = stream(pa.table({"long": [0] * 1_000_000}), compression="zstd")
    assert len(body) < 2_000
    before = pa.total_allocated_bytes()
    with pytest.raises(BadSyntax, match="without compression"):
        arrow.read(body, INPUTS, max_records=10_000_000)
    assert pa.total_allocated_bytes() - before < 10_000
    with pytest.raises(BadSyntax, match="without dictionaries"):
        read({"string": pa.array(["a", "a"]).dictionary_encode()})


GOOD = stream(pa.table({"long": [1, 2], "string": ["a", "b"], "double": [0.5, None]}))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_stream_is_refused_or_read_and_never_more(data):
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RequestProblem):
        arrow.read(bytes(body[: data.draw(st.integers(0, len(body)))]), INPUTS, max_records=10)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_anything_else_is_no_stream(body):
    with pytest.raises(RequestProblem):
        arrow.read(body, INPUTS, max_records=10)


def test_an_answer_is_a_stream_that_says_who_answered():
    said = [Prediction("a", 1, 0.75, ("age:above",)), Prediction("b", 0, None)]
    table = pa.ipc.open_stream(arrow.write(Answer("lending", "3", "r-1", "q-1", said))).read_all()
    assert table.to_pylist() == [
        {"id": "a", "prediction": 1, "score": 0.75, "flags": ["age:above"]},
        {"id": "b", "prediction": 0, "score": None, "flags": []},
    ]
    assert table.schema.metadata == {
        b"model": b"lending",
        b"version": b"3",
        b"release_id": b"r-1",
        b"request_id": b"q-1",
    }


def test_over_http(client, good):
    body = stream(pa.table({name: [value] * 20 for name, value in good.items()}))
    answer = client.post(
        "/v1/predict", content=body, headers={"content-type": "application/vnd.apache.arrow.stream"}
    )
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(answer.content).read_all()
    alone = client.post_json({"record": good}).json()["predictions"][0]
    assert table.num_rows == 20
    assert set(table["score"].to_pylist()) == {alone["score"]}
    refused = client.post(
        "/v1/feedback", content=body, headers={"content-type": "application/vnd.apache.arrow.stream"}
    )
    assert refused.status_code == 415
