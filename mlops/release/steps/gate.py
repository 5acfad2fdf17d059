"""Step 4: the decision, and the record of it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evaluation.advice.collect import remedies
from evaluation.files import write_whole
from evaluation.gate.decide import decide
from evaluation.json_codec import measurements_from_json, outcome_to_json
from evaluation.types import Consequence, GateOutcome, Verdict
from mlops.decision.canonical import digest_file
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.schema import SCHEMA_VERSION
from mlops.decision.signed import FILE_NAMES, SignedRecord
from mlops.release.evidence import EVIDENCE, read_answers
from mlops.release.journal import Step
from mlops.release.run import Fraction, Release, StepDone


def perform(release: Release, advance: Fraction) -> StepDone:
    """Judge every measurement, write decision.json and the reports, and keep them with the MLflow run."""
    now = datetime.now(UTC)
    validation = json.loads((release.folder / "validation.json").read_bytes())
    evaluation = _read_evaluation(release) if validation["verdict"] == Verdict.PASS else None
    if evaluation is None:
        found = Verdict.FAIL if validation["verdict"] == Verdict.FAIL else Verdict.INCONCLUSIVE
        outcome = GateOutcome(found, Consequence.STOP, ())
    else:
        outcome = decide(measurements_from_json(evaluation), release.project.policy.gate, today=now.date())
    advance(0.5)
    advice = {} if evaluation is None else {**evaluation["advice"], "mitigation": _remedies(release, outcome)}
    record = DecisionRecord.of(compose(release, outcome, validation, evaluation, now) | {"advice": advice})
    project = release.project
    signed = SignedRecord.sign(record, make_own_key(outside=(project.folder, project.home)))
    signed.write(release.folder)
    _write_reports(record, release.folder)
    if release.journal.done(Step.TRAIN):
        _keep_with_run(release, signed, evaluation or {})
    open_checks = [check for check in outcome.checks if check.verdict is not Verdict.PASS]
    summary = f"{len(outcome.checks) - len(open_checks)} of {len(outcome.checks)} checks passed"
    if outcome.consequence is Consequence.HOLD:
        summary += "; held"
    if validation["verdict"] != Verdict.PASS:
        summary = "the data did not validate"
    elif open_checks:
        summary += f"; {open_checks[0].reason}"
    result = {
        "verdict": outcome.verdict.value,
        "consequence": outcome.consequence.value,
        "digest": record.digest,
        "not_passed": [check.id for check in open_checks],
    }
    return StepDone(result, summary, outcome.verdict)


def compose(
    release: Release,
    outcome: GateOutcome,
    validation: dict[str, Any],
    evaluation: dict[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """Everything that the decision rests on, as one JSON object."""
    journal, policy, dataset = release.journal, release.project.policy, release.project.dataset
    trained = journal.result(Step.TRAIN) if journal.done(Step.TRAIN) else None
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "decision",
        "release": {
            "id": journal.id,
            "model": policy.model,
            "task": policy.task.value,
            "created_at": journal.created_at,
            "commit": journal.commit["sha"],
            "branch": journal.commit["branch"],
            "dirty": journal.commit["dirty"],
        },
        "decided_at": now.isoformat(timespec="seconds"),
        "policy": {"digest": policy.digest, "gate": policy.gate.model_dump(mode="json")},
        "data": {
            name: {**asdict(found), "path": configured}
            for name, found, configured in (
                ("train", dataset.train_fingerprint, policy.data.train),
                ("evaluate", dataset.evaluate_fingerprint, policy.data.evaluate),
            )
        },
        "training": None if trained is None else {**policy.training.model_dump(mode="json"), **trained},
        "validation": validation,
        "champion": (evaluation or {}).get("champion"),
        "judges": (evaluation or {}).get("judges", []),
        "evidence": {
            name: digest_file(release.folder / name) for name in EVIDENCE if (release.folder / name).exists()
        },
        **outcome_to_json(outcome),
        "software": {"weighbridge": version("weighbridge")},
    }


def _remedies(release: Release, outcome: GateOutcome) -> list[dict[str, Any]]:
    answers, policy = read_answers(release.folder), release.project.policy
    return remedies(
        outcome,
        task=policy.task,
        frame=answers.frame,
        target=answers.target,
        outputs=answers.challenger,
        gate=policy.gate,
    )


def _read_evaluation(release: Release) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((release.folder / "evaluation.json").read_bytes())
    return content


def _write_reports(record: DecisionRecord, folder: Path) -> None:
    from evaluation.reports.document import decision_document
    from evaluation.reports.html import to_html
    from evaluation.reports.markdown import to_markdown

    document = decision_document(record.content)
    write_whole(folder / "report.md", to_markdown(document).encode())
    write_whole(folder / "report.html", to_html(document).encode())


def _keep_with_run(release: Release, signed: SignedRecord, evaluation: dict[str, Any]) -> None:
    registry, run_id = release.project.registry, release.journal.result(Step.TRAIN)["run_id"]
    names = (
        *FILE_NAMES,
        "report.html",
        "report.md",
        "validation.html",
        *EVIDENCE,
    )
    registry.log_evidence(run_id, [release.folder / name for name in names])
    values = {name: found["value"] for name, found in evaluation.get("overview", {}).items()}
    registry.log_metrics(run_id, {name: value for name, value in values.items() if value is not None})
    registry.tag_run(
        run_id,
        {
            "verdict": signed.record.verdict.value,
            "decision_digest": signed.record.digest,
            "decision_key": signed.signature.key_id,
        },
    )
