"""A judge's metric in the gate: its own mean, people's mean predicted by it, or void."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.gate.decide import decide
from evaluation.judges.declare import CHAMPION_ANSWER, judging
from evaluation.judges.judge import Judge
from evaluation.judges.labelled import LabelledSet
from evaluation.judges.standing import Standing, examine
from evaluation.metrics.base import Metric
from evaluation.run import measure
from evaluation.text.rows import score_rows
from evaluation.types import CheckResult, Outputs, Task, Verdict

N = 400


@pytest.fixture
def labelled(make_labelled: Callable[..., LabelledSet]) -> LabelledSet:
    return make_labelled(n=N)


def standing_of(judge: Judge, labelled: LabelledSet, problem: str | None = None) -> Standing:
    return replace(examine(judge, None), problem=problem)


def outputs(labelled: LabelledSet, metric: Metric, **columns: Any) -> Outputs:
    """Answers of a model, scored as the evaluate step does it."""
    answers = np.array([item.answer for item in labelled.items], dtype=object)
    prompts = [item.prompt for item in labelled.items]
    found = Outputs(answers, facts=pl.DataFrame({"prompt": prompts}))
    inputs = pl.DataFrame({"prompt": prompts} | columns)
    target = np.full(len(answers), "", dtype=object)
    return score_rows(found, [metric], target=target, inputs=inputs)


def check(metric: Metric, mine: Outputs, theirs: Outputs | None = None, **bounds: float) -> CheckResult:
    gate = GateConfig.model_validate({"checks": [{"metric": metric.name, **bounds}]})
    n = len(mine.labels)
    answers = Answers(np.full(n, "", dtype=object), pl.DataFrame({"row": np.arange(n)}), mine, theirs)
    found = measure(answers, task=Task.GENERATION, gate=gate, overview=(), metrics={metric.name: metric})
    return decide(found, gate).checks[0]


def test_the_mean_of_a_judge_that_can_be_believed(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    judge = make_judge(script(noise=0.0))
    metric = judging(judge, standing_of(judge, labelled), labelled)
    found = check(metric, outputs(labelled, metric), at_least=2.5)
    assert found.verdict is Verdict.PASS
    assert found.estimate.value == pytest.approx(labelled.means.mean())


def test_scores_of_a_void_judge_are_inconclusive_and_say_why(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    judge = make_judge(script(noise=1.0))
    standing = examine(judge, labelled)
    metric = judging(judge, standing, labelled)
    for bounds in ({"at_least": 1.0}, {"no_worse_than_champion_by": 4.0}):
        scored = outputs(labelled, metric)
        found = check(metric, scored, scored, **bounds)
        assert found.verdict is Verdict.INCONCLUSIVE
        assert "judge 'quality' is void: agreement with people" in found.reason


def test_a_judge_that_was_changed_after_it_was_examined_is_not_asked(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    standing = standing_of(make_judge(script()), labelled)
    metric = judging(make_judge(script(), rubric="Is it short?"), standing)
    found = check(metric, outputs(labelled, metric), at_least=1.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "has changed since it was examined" in found.reason


def test_one_answer_off_the_scale_is_counted_and_no_score(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    def ask(asks: Any) -> Any:
        said = script(noise=0.0).ask(asks)
        return [type(said[0])('{"score": 17}', None, None, 1.0, "stop", None), *said[1:]]

    judge = make_judge(ask)
    metric = judging(judge, standing_of(judge, labelled))
    found = check(metric, outputs(labelled, metric), at_least=1.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no value for 1 of 400 answers: the judge's answer: off the scale" in found.reason


def test_a_corrected_judge_tells_what_people_would_say(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    """It likes length, which nobody asked it to; a quarter of the answers have been scored by people."""
    judge = make_judge(script(likes="length", how_much=1.0), corrected=True)
    longer = labelled.take(np.arange(N))
    longer = LabelledSet(
        tuple(type(item)(item.prompt, item.answer + " and so on" * 9) for item in longer.items),
        longer.ratings,
        longer.raters,
        longer.models,
    )
    known = longer.take(np.arange(0, N, 4))
    metric = judging(judge, standing_of(judge, labelled), known)
    scored = outputs(longer, metric)
    assert scored.row_scores[metric.name].shape == (N, 3)
    found = check(metric, scored, at_least=4.5)
    assert found.estimate.method == "PPI++"
    assert found.verdict is Verdict.FAIL
    assert found.estimate.low <= labelled.means.mean() <= found.estimate.high
    relative = judging(
        make_judge(script(likes="length", how_much=1.0)), standing_of(make_judge(script()), labelled)
    )
    assert check(relative, outputs(longer, relative), at_least=4.5).verdict is Verdict.PASS


def test_a_corrected_judge_without_labels_of_these_answers_is_inconclusive(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    judge = make_judge(script(noise=0.0), corrected=True)
    metric = judging(judge, standing_of(judge, labelled), labelled.take(np.arange(20)))
    found = check(metric, outputs(labelled, metric), at_least=1.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "people scored 20 of these answers, at least 50 are needed" in found.reason


def test_preferences_over_the_champion_are_scores_of_the_challenger(
    script: Any, make_judge: Any, labelled: LabelledSet
) -> None:
    judge = make_judge(script(noise=0.0), mode="pairwise")
    metric = judging(judge, standing_of(judge, labelled), labelled)
    worse = [item.answer.replace("worth", "not worth") for item in labelled.items]
    worst = [answer.partition(" worth")[0] for answer in worse]
    scored = outputs(labelled, metric, **{CHAMPION_ANSWER: worst})
    won = scored.row_scores[metric.name]
    assert set(np.unique(won)) <= {0.5, 1.0}
    champion = Outputs(np.array(worst, dtype=object))
    assert check(metric, scored, champion, at_least=0.5).verdict is Verdict.PASS
    alone = check(metric, outputs(labelled, metric), champion, at_least=0.5)
    assert alone.verdict is Verdict.INCONCLUSIVE
    assert "has nothing to compare the answers with" in alone.reason
