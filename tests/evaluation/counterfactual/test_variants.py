from pathlib import Path

import polars as pl
import pytest

from evaluation.config import CounterfactualConfig
from evaluation.counterfactual.variants import NO_PARTNER, NO_WORD, variants
from evaluation.errors import UserError

CASES = pl.DataFrame(
    {
        "title": ["Mug for her kitchen", "A mug", "Mrs Brown, her mug", "He likes tea", None],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0],
        "description": ["Her mug", "Mug", "Mug", "His tea", "Mug"],
    }
)


def config(**given: object) -> CounterfactualConfig:
    return CounterfactualConfig.model_validate({"swap": ["gender"], "columns": ["title"], **given})


def test_every_case_with_words_is_asked_once_a_group() -> None:
    found = variants(CASES, config(columns=("title", "description")), Path())
    assert found.frame.rows() == [
        ("Mug for her kitchen", 1.0, "Her mug", 0, "female"),
        ("Mug for his kitchen", 1.0, "His mug", 0, "male"),
        ("She likes tea", 4.0, "Her tea", 3, "female"),
        ("He likes tea", 4.0, "His tea", 3, "male"),
    ]
    assert found.left_out == {"gender": {NO_WORD: 2, NO_PARTNER: 1}}
    assert "gender: 2 cases (" in found.told()


def test_the_cases_are_drawn_by_the_seed() -> None:
    many = pl.DataFrame({"title": [f"{n} mugs for her" for n in range(50)]})
    asked = [variants(many, config(cases=5), Path(), seed=seed).frame["case"].to_list() for seed in (1, 1, 2)]
    assert asked[0] == asked[1] != asked[2]
    assert len(set(asked[0])) == 5


def test_lists_are_exchanged_one_at_a_time(tmp_path: Path) -> None:
    found = variants(
        pl.DataFrame({"title": ["Priya and her mug"]}), config(swap=("gender", "origin")), tmp_path
    ).frame
    assert found["gender"].to_list() == ["female", "male"] + [None] * 8
    assert found["origin"].drop_nulls().to_list()[4:6] == ["indian", "mexican"]
    assert found["title"][0] == "Priya and her mug"
    assert found["title"][1] == "Rajesh and his mug"


def test_a_template_names_a_person_and_leaves_the_case_alone(tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text("# for the shop\n{title}, bought by {person} for her home\n")
    cases = pl.DataFrame({"title": ["Her mug", "Mug {person}"]})
    found = variants(cases, config(templates="people.txt"), tmp_path).frame["title"].to_list()
    assert found == [
        "Her mug, bought by Emily for her home",
        "Her mug, bought by Justin for his home",
        "Mug {person}, bought by Ashley for her home",
        "Mug {person}, bought by Tyler for his home",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["Anna,Ayse", "Max,Mehmet"], ["Mug for Anna", "Mug for Ayse", " for Max", " for Mehmet"]),
        (["young,old"], []),
    ],
)
def test_a_person_of_ones_own_list_is_one_of_its_names(
    tmp_path: Path, rows: list[str], said: list[str]
) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf{title} for {person}\n")
    (tmp_path / "own.csv").write_text("\n".join(["one,other", *rows]))
    cases = pl.DataFrame({"title": ["Mug", None]})
    found = variants(cases, config(swap=["own.csv"], templates="t.txt"), tmp_path)
    assert found.frame["title"].to_list() == said
    assert found.left_out == {"own": {} if said else {NO_WORD: 2}}


@pytest.mark.parametrize(
    ("given", "content", "found"),
    [
        ({"columns": ["name"]}, "x", "no column 'name'"),
        ({"templates": "absent.txt"}, "x", "no readable templates"),
        ({"templates": "t.txt"}, "# nothing\n", "holds no template"),
        ({"templates": "t.txt"}, "{name} for {person}\n", "names {name}"),
        ({"swap": ["age"]}, "x", "no list of words 'age'"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, given: dict[str, object], content: str, found: str
) -> None:
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(UserError, match=found):
        variants(CASES, config(**given), tmp_path)


def test_no_case_at_all_gives_an_empty_table() -> None:
    found = variants(CASES.head(0), config(), Path())
    assert found.frame.height == 0
    assert {"case", "gender"} <= set(found.frame.columns)
