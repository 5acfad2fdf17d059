"""Prompt templates: what they may hold, and that a value is never one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import UserError
from mlops.generation.prompt import Prompt


@given(st.text(), st.text())
def test_a_value_is_put_in_as_it_is(title: str, facts: str) -> None:
    assert Prompt("A {title} B {facts} C {title}", "p").fill({"title": title, "facts": facts}) == (
        f"A {title} B {facts} C {title}"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (3, "3"),
        (2.5, "2.5"),
        (2.0, "2"),
        (12999.99, "12999.99"),
        (1234567.0, "1234567"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        (True, "True"),
        ("x", "x"),
        (["red", None, 2.0], "red, , 2"),
    ],
)
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert Prompt("{a}", "p").fill({"a": value}) == text


@pytest.mark.parametrize(
    "template", ["{a.b}", "{a[0]}", "{a!r}", "{a:>10}", "{}", "{0}", "{a", "a}", "{a b}", "{__class__.x}"]
)
def test_nothing_but_names_stands_in_braces(template: str) -> None:
    with pytest.raises(
        UserError, match=r"cannot be read(.|\n)*a column whose name is no single word is renamed"
    ):
        Prompt(template, "p").variables  # noqa: B018


def test_an_undeclared_variable_names_the_nearest_column() -> None:
    with pytest.raises(UserError, match=r"names \{titel\}.*") as caught:
        Prompt("Describe {titel}", "p").require_columns(["title", "price"])
    assert "did you mean {title}?" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"caf\xe9 {a}", "not UTF-8: byte 3 is 0xe9"), (b" \n", "characters"), (b"{a", "cannot be read")],
)
def test_a_file_that_is_no_prompt_is_refused(tmp_path, content, says) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        Prompt.read(path)


def test_a_mark_of_the_encoding_is_no_part_of_a_prompt(tmp_path) -> None:
    (tmp_path / "p.txt").write_text("Describe {a}", encoding="utf-8-sig")
    assert Prompt.read(tmp_path / "p.txt").template == "Describe {a}"


def test_a_missing_file_names_those_that_are_there(tmp_path) -> None:
    (tmp_path / "facts.txt").write_text("x")
    with pytest.raises(UserError, match=r"facts\.txt"):
        Prompt.read(tmp_path / "fact.txt")
