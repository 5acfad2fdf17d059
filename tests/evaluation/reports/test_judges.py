from evaluation.reports.blocks import Heading
from evaluation.reports.judges import judges_blocks
from evaluation.types import Verdict

TRIAL = {
    "name": "verbosity bias",
    "verdict": "fail",
    "reason": "verbosity bias 0.164 is not at most 0.1",
    "at_least": None,
    "at_most": 0.1,
    "value": 0.164,
    "low": 0.146,
    "high": 0.182,
    "n": 240,
    "unit": "answer",
    "method": "Student t",
    "problem": None,
}
JUDGE = {
    "judge": "tone",
    "digest": "ab" * 32,
    "model": "a-large-model",
    "rubric": "Is it polite?",
    "problem": "judge 'tone' is void: verbosity bias 0.164 is not at most 0.1",
    "trials": [TRIAL, TRIAL | {"name": "agreement of people", "at_most": None, "verdict": "pass"}],
    "asked": 1440,
    "failures": {"off the scale": 3},
}


def test_a_void_judge_says_why_and_what_it_was_tried_for() -> None:
    heading, items, table = judges_blocks([JUDGE])
    assert heading == Heading("Judges")
    [line] = items.items
    assert line.verdict is Verdict.INCONCLUSIVE
    assert line.text.startswith("judge 'tone' is void: verbosity bias 0.164")
    assert "1,440 questions in its trials, 3 without a score" in line.text
    assert line.text.endswith("Rubric: Is it polite?")
    assert table.rows[0] == (
        "tone",
        "verbosity bias",
        "0.164",
        "0.146 to 0.182",
        "240 answers",
        "≤ 0.1",
        "fail",
    )
    assert table.rows[1][5] == "only told"


def test_a_judge_that_was_not_tried_has_no_table() -> None:
    believed = JUDGE | {"problem": None, "trials": [], "failures": {}}
    _, items = judges_blocks([believed])
    assert items.items[0].verdict is Verdict.PASS
    assert "without a score" not in items.items[0].text


def test_no_judge_no_heading() -> None:
    assert judges_blocks([]) == []
