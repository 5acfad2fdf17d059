"""Ratings as people give them: kept one by one, and a labelled set as they stand."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.judges.config import ScaleConfig
from evaluation.judges.labelled import read_labelled
from evaluation.judges.prompts import Item
from evaluation.judges.ratings import Rateable, append_rating, order_for, rated_by, read_rateables

THREE = [Rateable(Item("p", f"answer {k}\nin two lines"), "a-model") for k in range(3)]


def test_what_people_said_is_a_labelled_set(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ratings.jsonl"
    assert rated_by(file, "anna") == {}
    for rater, place, score in (("anna", 0, 4), (" ben ", 0, 2), ("anna", 1, 1), ("anna", 0, 5)):
        append_rating(file, THREE[place], rater, score)
    assert rated_by(file, "anna") == {THREE[0].id: 5, THREE[1].id: 1}
    assert rated_by(file, "ben") == {THREE[0].id: 2}
    found = read_labelled(file, ScaleConfig())
    assert found.raters == ("anna", "ben")
    assert [item.answer for item in found.items] == [each.item.answer for each in THREE[:2]]
    assert found.ratings[0].tolist() == [5, 2]
    assert found.models == ("a-model", "a-model")


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: append_rating(file, THREE[k % 3], f"rater {k % 8}", k % 5 + 1), range(80)))
    assert len(file.read_text().splitlines()) == 80
    assert len(read_labelled(file, ScaleConfig()).raters) == 8


def test_every_rater_has_an_order_of_their_own() -> None:
    many = [Rateable(Item("p", f"{k}")) for k in range(50)]
    orders = {rater: [each.id for each in order_for(rater, many)] for rater in ("anna", "ben")}
    assert orders["anna"] == [each.id for each in order_for("anna", many)]
    assert orders["anna"] != orders["ben"] != [each.id for each in many]
    assert set(orders["anna"]) == {each.id for each in many}


@pytest.mark.parametrize("rater", ["", "  ", "x" * 61])
def test_a_rating_has_a_rater(tmp_path: Path, rater: str) -> None:
    with pytest.raises(UserError, match="name of its rater"):
        append_rating(tmp_path / "x.jsonl", THREE[0], rater, 1)


def test_where_nothing_can_be_written_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match="could not write"):
        append_rating(tmp_path / "file" / "x.jsonl", THREE[0], "anna", 1)


def test_answers_to_be_rated_come_once(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("prompt,answer,model\np,a,one\np,a,two\np,b,\n")
    assert [(each.item.answer, each.model) for each in read_rateables(file)] == [("a", "one"), ("b", None)]
    file.write_text("prompt,answer\np,\n")
    with pytest.raises(UserError, match="row 1 has no prompt or no answer"):
        read_rateables(file)
