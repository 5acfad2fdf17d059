"""Journals: identity, order and what counts as ended."""

from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.lock import one_release
from mlops.release.journal import Journal, Step, find, journals


def start(tmp_path: Path, inputs: str = "ab" * 32) -> Journal:
    return Journal.start(
        tmp_path, model="m", inputs=inputs, commit={"sha": None, "branch": None, "dirty": False}
    )


def test_a_journal_reads_back_as_it_was(tmp_path: Path) -> None:
    journal = start(tmp_path)
    journal.finish(Step.VALIDATE, {"verdict": "pass"}, 1.25)
    again = find(tmp_path, journal.id)
    assert again == journal
    assert again.result(Step.VALIDATE) == {"verdict": "pass"}


def test_two_releases_of_the_same_inputs_in_one_second_differ(tmp_path: Path) -> None:
    made = {start(tmp_path).id for _ in range(3)}
    assert len(made) == 3
    assert {journal.id for journal in journals(tmp_path)} == made


@pytest.mark.parametrize(
    ("consequence", "ends_with"),
    [("promote", Step.DEPLOY), ("hold", Step.REGISTER), ("stop", Step.GATE)],
)
def test_a_release_ends_where_its_decision_allows(tmp_path: Path, consequence: str, ends_with: Step) -> None:
    journal = start(tmp_path)
    for step in (Step.GATE, Step.REGISTER, Step.DEPLOY):
        assert not journal.ended
        result = {"verdict": "pass", "consequence": consequence} if step is Step.GATE else {}
        journal.finish(step, result, 0)
        if step is ends_with:
            break
    assert journal.ended


def test_a_step_that_is_missing_names_its_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="next: weighbridge train"):
        start(tmp_path).result(Step.TRAIN)


@pytest.mark.parametrize("wanted", ["20260101-000000-00000000", "../../etc", ""])
def test_an_unknown_release_names_those_that_exist(tmp_path: Path, wanted: str) -> None:
    journal = start(tmp_path)
    with pytest.raises(UserError, match=journal.id):
        find(tmp_path, wanted)


def test_a_second_release_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    import os

    with (
        one_release(tmp_path),
        pytest.raises(EnvironmentProblem, match=f"process {os.getpid()}"),
        one_release(tmp_path),
    ):
        pass
    with one_release(tmp_path):
        pass
