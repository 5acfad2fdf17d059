"""Taking a decision again from what was kept: the same one, or what differs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.gate.decide import decide
from evaluation.json_codec import outcome_from_json, outcome_to_json
from evaluation.run import measure
from evaluation.types import Allowance, GateOutcome, Task
from mlops.decision.canonical import digest_file
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.release.evidence import EVIDENCE, read_answers

_DECIDED = ("verdict", "consequence", "checks", "not_compared", "allowance", "notes")


@dataclass(frozen=True)
class Difference:
    """One value that came out otherwise, or one file that is not what it was."""

    place: str
    recorded: Any
    found: Any


@dataclass(frozen=True)
class Replay:
    """A decision taken again; `differences` is empty where it is the recorded one to the last bit."""

    record: DecisionRecord
    outcome: GateOutcome | None
    differences: tuple[Difference, ...]


def replay(folder: Path) -> Replay:
    """Take the decision of a release again from its stored predictions, timings, policy and seeds.

    folder: the release's folder. A release whose data did not validate has nothing to weigh again; its record is
    compared with the validation that it rests on.

    Raises UserError where the record or the predictions are gone.
    """
    record = DecisionRecord.read(folder / FILE_NAME)
    differences = [*_signature(record, folder), *_files(record, folder)]
    if record.content["training"] is None or not record.content["evidence"]:
        found = json.loads((folder / "validation.json").read_bytes())
        differences += _compare("validation", record.content["validation"], found)
        return Replay(record, None, tuple(differences))
    gate = GateConfig.model_validate(record.content["policy"]["gate"])
    outcome = decide_again(record, read_answers(folder), gate, outcome_from_json(record.content).allowance)
    found = outcome_to_json(outcome)
    for key in _DECIDED:
        differences += _compare(key, record.content[key], found[key])
    return Replay(record, outcome, tuple(differences))


def decide_again(
    record: DecisionRecord, answers: Answers, gate: GateConfig, allowance: Allowance | None
) -> GateOutcome:
    """Measure and decide by a policy's gate, on the day and beside the champion of a record."""
    champion = record.content["champion"]
    measurements = measure(
        answers,
        task=Task(record.content["release"]["task"]),
        gate=gate,
        champion_problem=None if champion is None else champion["problem"],
        allowance=allowance,
        overview=(),
    )
    return decide(measurements, gate, today=datetime.fromisoformat(record.content["decided_at"]).date())


def _signature(record: DecisionRecord, folder: Path) -> Iterator[Difference]:
    try:
        SignedRecord.read(folder).require_authentic(record.digest)
    except UserError as error:
        yield Difference("signature", "by a key that is trusted here", error.found)


def _files(record: DecisionRecord, folder: Path) -> Iterator[Difference]:
    for name in EVIDENCE:
        recorded = record.content["evidence"].get(name)
        found = digest_file(folder / name) if (folder / name).exists() else None
        if recorded != found:
            yield Difference(name, recorded, found)


def _compare(place: str, recorded: Any, found: Any) -> Iterator[Difference]:
    """Every leaf that differs, by its place such as `checks[3].estimate.low`."""
    if isinstance(recorded, Mapping) and isinstance(found, Mapping):
        for key in dict.fromkeys([*recorded, *found]):
            yield from _compare(f"{place}.{key}", recorded.get(key), found.get(key))
    elif isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        for index, (mine, theirs) in enumerate(zip(recorded, found, strict=True)):
            yield from _compare(f"{place}[{index}]", mine, theirs)
    elif recorded != found or type(recorded) is not type(found):
        yield Difference(place, recorded, found)
