"""The request schema that a signature becomes: what each type takes, and what it refuses."""

import datetime as dt
import math

import pytest

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.serving.errors import FieldProblem, Invalid
from mlops.serving.schemas import Schemas

MOMENT = dt.datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - as the model's frame holds it


def schemas_for(dtype, *, required=True, name="x"):
    return Schemas([InputField(name, dtype, required)], max_records=3)


def value_of(dtype, value, **options):
    schemas = schemas_for(dtype, **options)
    ((found,),) = schemas.read({"records": [{"x": value}]}).rows
    assert schemas.read({"record": {"x": value}}).rows == schemas.read({"columns": {"x": [value]}}).rows
    return found


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("double", 1.5, 1.5),
        ("double", 3, 3.0),
        ("double", 2**70, float(2**70)),
        ("float", 3.25, 3.25),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", -(2**63), -(2**63)),
        ("long", 2**53 + 1, 2**53 + 1),
        ("long", 30.0, 30),
        ("long", -0.0, 0),
        ("long", 2.0**53, 2**53),
        ("long", -(2.0**53), -(2**53)),
        ("integer", 2**31 - 1, 2**31 - 1),
        ("integer", 2.0**31 - 1, 2**31 - 1),
        ("integer", -(2.0**31), -(2**31)),
        ("string", "", ""),
        ("string", "größe ☂", "größe ☂"),
        ("boolean", True, True),
        ("datetime", "2026-03-01T12:30:00", MOMENT),
        ("datetime", "2026-03-01T14:30:00+02:00", MOMENT),
    ],
)
def test_taken(dtype, value, expected):
    found = value_of(dtype, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("double", "1.5"),
        ("double", True),
        ("double", None),
        ("double", math.nan),
        ("double", math.inf),
        pytest.param("double", 10**400, id="double-huge"),
        ("double", [1.5]),
        ("float", 1e39),
        ("float", -1e39),
        ("float", math.nan),
        ("long", 30.5),
        ("long", 2.0**53 + 2),
        ("long", -(2.0**53) - 2),
        ("long", 2.0**63),
        ("long", 1e300),
        ("long", math.inf),
        ("long", math.nan),
        ("long", "1"),
        ("long", None),
        ("long", True),
        ("long", 2**63),
        ("long", -(2**63) - 1),
        pytest.param("long", 10**400, id="long-huge"),
        ("integer", 2**31),
        ("integer", 2.0**31),
        ("integer", -(2.0**31) - 1),
        ("integer", 0.5),
        ("string", 1),
        ("string", None),
        pytest.param("string", "x" * 10_001, id="string-long"),
        ("string", "\ud800"),
        ("boolean", 1),
        ("boolean", "true"),
        ("datetime", 0),
        ("datetime", "soon"),
        ("datetime", None),
    ],
)
def test_refused_by_name_and_without_the_value(dtype, value):
    with pytest.raises(Invalid) as caught:
        value_of(dtype, value)
    assert {item.field for item in caught.value.fields} == {"records.0.x"}
    if isinstance(value, str) and len(value) > 3:
        assert value not in caught.value.fields[0].message


@pytest.mark.parametrize("dtype", ["double", "float", "long", "integer", "string", "boolean", "datetime"])
def test_an_optional_field_may_be_null_or_left_out(dtype):
    schemas = schemas_for(dtype, required=False)
    assert schemas.read({"records": [{"x": None}, {}]}).rows == [(None,), (None,)]
    assert schemas.read({"columns": {"x": [None, None]}}).rows == [(None,), (None,)]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (None, "body"),
        ([], "body"),
        ("x", "body"),
        ({}, "records"),
        ({"records": []}, "records"),
        ({"records": {}}, "records"),
        ({"records": [{"x": 1.0}] * 4}, "records"),
        ({"records": [1]}, "records.0"),
        ({"records": [{"x": 1.0}, {}]}, "records.1.x"),
        ({"records": [{"x": 1.0, "y": 1.0}]}, "records.0.y"),
        ({"records": [{"x": 1.0, "f0": 1.0}]}, "records.0.f0"),
        ({"records": [{"x": 1.0}], "threshold": 0.1}, "threshold"),
        ({"records": [{"x": 1.0}], "ids": "a"}, "ids"),
        ({"records": [{"x": 1.0}], "ids": []}, "ids"),
        ({"records": [{"x": 1.0}], "ids": [1]}, "ids.0"),
        ({"records": [{"x": 1.0}], "ids": [""]}, "ids.0"),
        ({"records": [{"x": 1.0}], "ids": ["a\n"]}, "ids.0"),
        ({"records": [{"x": 1.0}], "ids": ["a" * 129]}, "ids.0"),
        ({"records": [{"x": 1.0}], "ids": ["a", "b"]}, "ids"),
        ({"records": [{"x": 1.0}] * 2, "ids": ["a", "a"]}, "ids"),
        ({"record": [1.0]}, "record"),
        ({"record": {"x": "a"}}, "record.x"),
        ({"record": {"x": 1.0}, "records": []}, "records"),
        ({"record": {"x": 1.0}, "id": ""}, "id"),
        ({"columns": [1.0]}, "columns"),
        ({"columns": {}}, "columns.x"),
        ({"columns": {"x": 1.0}}, "columns.x"),
        ({"columns": {"x": []}}, "columns.x"),
        ({"columns": {"x": [1.0] * 4}}, "columns.x"),
        ({"columns": {"x": [1.0, "a"]}}, "columns.x.1"),
        ({"columns": {"x": [1.0], "y": [1.0]}}, "columns.y"),
        ({"columns": {"x": [1.0, 2.0]}, "ids": ["a"]}, "ids"),
    ],
)
def test_the_shape_of_a_request(content, field):
    with pytest.raises(Invalid) as caught:
        schemas_for("double").read(content)
    assert caught.value.fields[0].field == field


@pytest.mark.parametrize(
    "name", ["model_config", "schema", "_x", "class", "sepal length (cm)", "f0", "größe", "a.b"]
)
def test_a_feature_may_be_called_anything(name):
    schemas = schemas_for("double", name=name)
    assert schemas.read({"records": [{name: 2}]}).rows == [(2.0,)]
    assert name in schemas.many.model_json_schema()["$defs"]["Record"]["properties"]


def test_columns_are_equally_long_and_an_optional_one_may_be_left_out():
    inputs = [InputField("a", "long", True), InputField("b", "long", True), InputField("c", "string", False)]
    schemas = Schemas(inputs, max_records=3)
    assert schemas.read({"columns": {"b": [3, 4], "a": [1, 2]}}).rows == [(1, 3, None), (2, 4, None)]
    with pytest.raises(Invalid, match="columns do not fit"):
        schemas.read({"columns": {"a": [1, 2], "b": [3]}})


def test_a_signature_that_json_cannot_serve_is_refused():
    with pytest.raises(UserError, match="'x' has type binary"):
        schemas_for("binary")


@pytest.mark.parametrize(("dtype", "bits"), [("long", 64), ("integer", 32)])
def test_a_whole_number_is_described_as_one_and_refused_in_one_sentence(dtype, bits):
    schemas = schemas_for(dtype)
    described = schemas.one.model_json_schema()["$defs"]["Record"]["properties"]["x"]
    assert described == {
        "title": "x",
        "type": "integer",
        "minimum": -(2 ** (bits - 1)),
        "maximum": 2 ** (bits - 1) - 1,
    }
    with pytest.raises(Invalid) as error:
        schemas.read({"record": {"x": 1e300}})
    assert list(error.value.fields) == [FieldProblem("record.x", f"should be a whole number of {bits} bits")]
