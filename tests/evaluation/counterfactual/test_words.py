from pathlib import Path

import pytest

from evaluation.counterfactual.words import OWN, checked, read_words
from evaluation.errors import UserError


@pytest.mark.parametrize("name", ["gender", "origin"])
def test_own_lists_hold_together(name: str) -> None:
    words = checked(read_words(name))
    assert all(len(row.words) == len(words.groups) for row in words.rows)
    assert not words.unpaired & set(words.by_word)


def test_names_are_as_many_in_every_cell_and_none_is_there_twice() -> None:
    lines = [line.split(",") for line in (OWN / "names.csv").read_text().splitlines()[1:]]
    origins = [origin for origin, _, _ in lines]
    names = [name for _, *pair in lines for name in pair]
    assert {origins.count(origin) for origin in origins} == {6}
    assert len(set(names)) == len(names) == 96


def test_no_name_is_a_word_of_another_list() -> None:
    gender, origin = read_words("gender"), read_words("origin")
    names = {name.lower() for row in origin.rows[3:] for name in row.words}
    plain = {word for row in gender.rows for word in row.words if word.islower()}
    assert not names & plain


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("young\nboy\n", "groups young"),
        ("young,young\nboy,man\n", "groups young, young"),
        ("young,old\nboy\n", "1 cells in the row 'boy'"),
        ("young,old\nboy,\n", "the row 'boy,'"),
        ("young,old\nboy,old man\n", "the row 'boy,old man'"),
        ("young,old\nboy,man\nman,elder\n", "'man' stands for two groups"),
        ("young,old\nboy,man\nboy,elder\n", "'boy' stands in 2 rows"),
        ("young,old,before\nboy,man,verb\n", "'verb' in column before"),
    ],
)
def test_a_list_that_does_not_hold_together_is_refused(tmp_path: Path, content: str, found: str) -> None:
    (tmp_path / "age.csv").write_text(content)
    with pytest.raises(UserError, match=found):
        read_words("age.csv", tmp_path)


def test_an_unknown_list_is_refused() -> None:
    with pytest.raises(UserError, match="no list of words 'sex'"):
        read_words("sex")


def test_a_list_of_the_user_is_read(tmp_path: Path) -> None:
    (tmp_path / "age.csv").write_text("young,old\nteenager,pensioner\n", encoding="utf-8-sig")
    words = read_words("age.csv", tmp_path)
    assert (words.name, words.groups, words.names) == ("age", ("young", "old"), ())
