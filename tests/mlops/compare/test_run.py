"""Whole comparisons: texts of a local endpoint and a trained table, from the policy to the files."""

import json
import re
from xml.etree import ElementTree

import pytest
import yaml

from evaluation.errors import UserError
from mlops.cli.main import main
from mlops.compare.record import Record
from mlops.compare.run import compare

from .conftest import ROWS, Observed

PLAIN_OR_FACTS = {
    "candidates": {
        "plain": {"prompt": "plain.txt"},
        "facts": {"prompt": "facts.txt"},
        "warm": {"prompt": "facts.txt", "sampling": {"temperature": 0.7}},
    }
}


def test_the_better_prompt_is_found_with_what_it_costs(shop, compared, stub):
    found = compared(shop(PLAIN_OR_FACTS))
    assert (found["best"], found["open"]) == ("facts", [])
    assert [one["name"] for one in found["candidates"]] == ["facts", "warm", "plain"]
    assert found["axes"] == ["rouge_l", "cost_per_1000_answers", "latency_p50_ms"]
    first = found["candidates"][0]
    assert yaml.safe_load(first["yaml"])["generate"]["prompt"] == "facts.txt"
    assert first["shown"]["cost_per_1000_answers"]["value"] > 0
    assert first["on_front"]
    assert found["by"] == {"metric": "rouge_l", "direction": "higher", "error": 0.05, "level": 0.025}
    assert found["cases"]["cases"] == ROWS == first["estimate"]["n"]
    assert stub.asked == 3 * ROWS


def test_what_was_paid_for_is_not_asked_again(shop, compared, stub):
    project = shop(PLAIN_OR_FACTS)
    first, again = compared(project), compared(project)
    assert stub.asked == 3 * ROWS
    assert first["id"] != again["id"]
    same = ("best", "candidates", "axes", "cases")
    assert {name: first[name] for name in same} == {name: again[name] for name in same}


def test_a_judge_that_cannot_be_believed_decides_nothing(shop, compared, stub, tmp_path):
    (tmp_path / "ratings.csv").write_text("prompt,answer,score\nx,y,1\n")
    endpoint = {"url": stub.url, "model": "m"}
    judge = {"name": "tone", "rubric": "Is it kind?", "labelled": "ratings.csv", "endpoint": endpoint}
    gate = {"judges": [judge], "checks": [{"metric": "rouge_l", "at_least": 0.1}]}
    project = shop(PLAIN_OR_FACTS | {"by": "judge_tone"}, gate=gate)
    with pytest.raises(UserError, match="unknown metric 'judge_mood'"):
        compared(shop(PLAIN_OR_FACTS | {"by": "judge_mood"}, gate=gate))
    found = compared(project)
    assert (found["best"], found["open"]) == (None, [])
    assert [standing["judge"] for standing in found["judges"]] == ["tone"]
    assert "void" in found["candidates"][0]["estimate"]["problem"]


def test_each_case_is_asked_as_often_as_is_said_and_counts_once(shop, compared, stub):
    found = compared(shop(PLAIN_OR_FACTS | {"repeats": 2, "cases": 40}))
    assert stub.asked == 3 * 2 * 40
    assert [one["estimate"]["n"] for one in found["candidates"]] == [40] * 3
    assert found["cases"]["unit"] == "case"


def test_two_prompts_of_one_effect_cannot_be_told_apart(shop, compared, tmp_path):
    project = shop({"candidates": {"a": {"prompt": "facts.txt"}, "b": {"prompt": "same.txt"}}})
    (tmp_path / "same.txt").write_text("Facts, of which: {facts}")
    found = compared(project)
    assert (found["best"], sorted(found["open"])) == (None, ["a", "b"])


def test_one_that_cannot_be_made_or_asked_is_told_and_the_others_go_on(shop, stub):
    nowhere = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1}
    project = shop(
        {
            "candidates": PLAIN_OR_FACTS["candidates"]
            | {"no file": {"prompt": "none.txt"}, "down": {"endpoint": nowhere}}
        }
    )
    told = Observed()
    found = compare(project, told)
    assert found.content["best"] == "facts"
    gone = {one["name"]: one["estimate"]["problem"] for one in found.content["candidates"][-2:]}
    assert "none.txt" in gone["no file"]
    assert "no answer for 60 of 60 rows" in gone["down"]
    assert [name for name, said in told.told if said is None] == ["plain", "facts", "warm", "no file", "down"]
    failed = {name: said for name, said in told.told if said not in {None, "answered"}}
    assert list(failed) == ["no file", "down"]
    assert failed["down"] == "0 of 60 requests answered; 60 down"


def test_params_of_a_trained_model_are_compared_on_rows_held_back(lending, compared):
    found = compared(
        lending(
            {
                "candidates": {
                    "as it is": {},
                    "stiff": {"strength": 0.0001},
                    "broken": {"strength": -1},
                },
                "show": ["roc_auc", "latency_p50_ms"],
            }
        )
    )
    assert found["best"] == "as it is"
    assert found["by"]["direction"] == "lower"
    assert found["cases"]["cases"] == 240
    broken = found["candidates"][-1]
    assert (broken["name"], broken["place"]) == ("broken", "not compared")
    assert "a negative strength" in broken["estimate"]["problem"]
    assert found["candidates"][0]["shown"]["latency_p50_ms"]["value"] > 0
    assert found["candidates"][0]["shown"]["roc_auc"]["value"] > 0.9
    assert found["axes"] == ["log_loss", "latency_p50_ms"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"by": "rouge"}, "unknown metric 'rouge'"),
        ({"by": "roc_auc"}, r"compare\.by: roc_auc is not a metric of task generation"),
        ({"show": ["roc_auc"]}, r"compare\.show: roc_auc cannot be measured on generation"),
        ({"show": ["rouge"]}, "unknown metric 'rouge'"),
    ],
)
def test_metrics_that_do_not_fit_are_refused_before_anything_is_asked(shop, stub, changes, says):
    with pytest.raises(UserError, match=says):
        compare(shop(PLAIN_OR_FACTS | changes), Observed())
    assert stub.asked == 0


def test_the_command_shows_the_table_and_keeps_page_text_picture_and_record(
    shop, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "github"))
    shop(PLAIN_OR_FACTS)
    with pytest.raises(SystemExit) as left:
        main(["--project", str(tmp_path), "compare"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "facts is the best" in said
    assert "prompt: facts.txt" in said
    [folder] = (tmp_path / ".weighbridge" / "comparisons").iterdir()
    assert str(folder / "report.html") in said.replace("\n", "")
    files = {path.name for path in folder.iterdir()}
    assert files == {"comparison.json", "report.html", "report.md", "picture.svg"}
    Record.model_validate_json((folder / "comparison.json").read_bytes())
    assert ElementTree.parse(folder / "picture.svg").getroot().tag.endswith("svg")
    page = (folder / "report.html").read_text()
    assert not re.search(r"href|src=|@import|url\(|<script|<link|<img", page)
    assert (tmp_path / "github").read_text().startswith("best=facts\n")


def test_the_command_prints_json_and_tells_where_nothing_could_be_compared(shop, capsys, tmp_path):
    shop({"candidates": {"a": {"prompt": "none.txt"}, "b": {"prompt": "nothing.txt"}}})
    with pytest.raises(SystemExit) as left:
        main(["--project", str(tmp_path), "compare", "--json"])
    assert left.value.code == 2
    content = json.loads(capsys.readouterr().out)
    assert (content["best"], content["open"]) == (None, [])
    page = next((tmp_path / ".weighbridge" / "comparisons").iterdir()) / "report.html"
    assert "Nothing could be compared" in page.read_text()
