"""Bytes that are not the JSON that they claim to be."""

import json

import pytest

from mlops.serving.body import parse
from mlops.serving.errors import BadSyntax


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "line 1, column 1"),
        (b'{"records": [', "line 1, column 14"),
        (b"[1] x", "line 1, column 5"),
        (b"\xef\xbb\xbf[1]", "not JSON"),
        (b"\xff\xfe[\x001\x00]\x00", "UTF-8"),
        (b'"\xc3\x28"', "UTF-8"),
        (b'{"a": "\x01"}', "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "a key twice"),
        pytest.param(b"[1" + b"0" * 5000 + b"]", "too many digits", id="digits"),
        pytest.param(b"[" * 100_000, "too deeply", id="deep list"),
        pytest.param(b'{"a":' * 100_000, "too deeply", id="deep object"),
    ],
)
def test_what_is_not_json_is_refused_with_its_reason(body, reason):
    with pytest.raises(BadSyntax, match=reason):
        parse(body)


@pytest.mark.parametrize(
    "content", [None, True, 0, 1.5, "größe", [], {}, {"a": [{"b": None}]}, pytest.param(10**400, id="huge")]
)
def test_what_is_json_is_read(content):
    assert parse(json.dumps(content).encode()) == content


def test_a_number_beyond_all_floats_is_left_to_the_schema():
    assert parse(b"[1e999]") == [float("inf")]
