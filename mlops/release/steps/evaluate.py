"""Step 3: what the challenger, and the champion if there is one, say about the holdout."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from evaluation.advice.collect import weaknesses
from evaluation.answers import Answers
from evaluation.config import CASE, GateConfig
from evaluation.errors import UserError, WeighbridgeError
from evaluation.files import write_whole
from evaluation.json_codec import measurements_to_json
from evaluation.llm.tally import Tally
from evaluation.metrics.base import Need
from evaluation.metrics.named import named_by
from evaluation.plan import columns_of, latency_requests
from evaluation.predict import measure_latency
from evaluation.run import measure
from evaluation.types import FloatArray, Form, IntArray, Outputs
from mlops.packaging.bundle import model_digest
from mlops.packaging.load import PackagedModel, load_model
from mlops.project import Project
from mlops.registry.client import Alias, ModelVersion
from mlops.registry.promote import fetch_bundle
from mlops.release.asking import REPLIES, ask_holdout, repeated
from mlops.release.evidence import write_answers, write_reference
from mlops.release.journal import Step
from mlops.release.ledger import allowance_for
from mlops.release.run import Fraction, Release, StepDone

if TYPE_CHECKING:
    from mlops.release.judging import Judged

# Of these rows single ones are timed, and all are kept as reference.
_SAMPLED_ROWS = 20_000
# Weak slices and proxies that this many rows do not show are none to act on.
_ADVICE_ROWS = 200_000


@dataclass(frozen=True)
class Champion:
    """Who the challenger is compared with: the model and what it said, or why it could not be asked."""

    version: ModelVersion
    model: PackagedModel | None = None
    outputs: Outputs | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For the evidence of the release."""
        found = self.version
        return {
            "version": found.version,
            "release_id": found.release_id,
            "model_digest": found.model_digest,
            "problem": self.problem,
        }


def perform(release: Release, advance: Fraction) -> StepDone:
    """Ask both about the holdout, measure every line of policy, keep answers and reference."""
    project = release.project
    require_weighed(release)
    policy, dataset = project.policy, project.dataset
    model = load_model(
        release.folder / "model",
        task=policy.task,
        threshold=policy.gate.threshold,
        replies=project.home / REPLIES,
    )
    holdout = dataset.holdout
    outputs = ask_holdout(project, model, lambda share: advance(0.2 * share))
    champion = ask_champion(release)
    judged = _judged(project, model, outputs, champion, lambda share: advance(0.2 + 0.1 * share))
    outputs = judged.challenger
    if champion is not None:
        champion = replace(champion, outputs=judged.champion)
    timed = [model, champion.model if champion and _compares_latency(policy.gate) else None]
    said = [outputs, champion.outputs if champion else None]
    rows, places = _sample(release, timed)
    mine, theirs = (_latency(policy.gate, *each, rows) for each in zip(timed, said, strict=True))
    target = policy.data.target
    known = repeated(holdout.columns(list(dict.fromkeys([target, *columns_of(policy.gate)]))), policy.gate)
    answers = Answers(
        target=known[target].to_numpy(),
        frame=known.select([*columns_of(policy.gate), *([CASE] if CASE in known.columns else [])]),
        challenger=outputs,
        champion=champion.outputs if champion else None,
        latency_ms=mine,
        champion_latency_ms=theirs,
    )
    answers = _with_beside(answers, release, model, champion)
    advance(0.4)
    write_answers(answers, release.folder)
    found = measure(
        answers,
        task=policy.task,
        gate=policy.gate,
        champion_problem=champion.problem if champion else None,
        allowance=allowance_for(release, answered=_answered(answers)),
        progress=lambda share: advance(0.4 + 0.5 * share),
    )
    found = replace(found, advice=_advice(release, outputs))
    content = {
        "champion": champion.to_json() if champion else None,
        "judges": [standing.as_json() for standing in judged.standings],
        **measurements_to_json(found),
    }
    sampled = outputs.at(places * policy.gate.repeats)
    write_reference(rows.select(_inputs(model)), rows[target], sampled, release.folder)
    write_whole(release.folder / "evaluation.json", json.dumps(content, indent=1, allow_nan=False).encode())
    against = f"against champion version {champion.version.version}" if champion else "no champion yet"
    return StepDone(
        {"measurements": len(found.items)},
        f"{holdout.rows:,} rows, {len(found.items)} measurements, {against}{_told(answers)}",
    )


def _answered(answers: Answers) -> bool:
    """Whether the challenger gave any answer."""
    said = [each.challenger.labels for each in (answers, answers.variants) if each is not None]
    return any(label is not None for labels in said for label in labels)


def _told(answers: Answers) -> str:
    """What came of the requests to language models, and what was not asked; nothing where none was asked."""
    asked = [each for each in (answers, answers.variants) if each is not None]
    said = [outputs for each in asked for outputs in (each.challenger, each.champion) if outputs is not None]
    known = [outputs.facts for outputs in said if outputs.facts is not None]
    told = [Tally.of(known).words()] if known else []
    return "".join(f"; {each}" for each in [*told, *(beside.name for beside in asked if beside.name)])


def _judged(
    project: Project,
    model: PackagedModel,
    outputs: Outputs,
    champion: Champion | None,
    advance: Callable[[float], None],
) -> "Judged":
    from mlops.release.judging import judge_holdout, writer_of

    theirs = (None, None) if champion is None else (champion.model, champion.outputs)
    return judge_holdout(project, outputs, theirs[1], writer_of(model) | writer_of(theirs[0]), advance)


def _with_beside(
    answers: Answers, release: Release, model: PackagedModel, champion: Champion | None
) -> Answers:
    """The answers with what models that write are asked beside the holdout, where the policy has lines about it."""
    if release.project.policy.task.form is not Form.TEXT:
        return answers
    from mlops.release.beside import ask_pairs, ask_variants

    other = champion.model if champion is not None else None
    asked = ask_variants(release.project, model, other)
    return replace(answers, variants=asked, pairs=ask_pairs(release.project, model))


def _advice(release: Release, outputs: Outputs) -> dict[str, Any]:
    """What a sample of the rows tells about where the model is weak."""
    policy, dataset = release.project.policy, release.project.dataset
    frame, places = dataset.holdout.sample(list(dataset.holdout.schema), _ADVICE_ROWS, policy.gate.seed)
    return weaknesses(
        task=policy.task,
        frame=frame,
        target=policy.data.target,
        features=dataset.features,
        outputs=outputs.at(places * policy.gate.repeats),
        gate=policy.gate,
    )


def _sample(release: Release, models: Iterable[PackagedModel | None]) -> tuple[pl.DataFrame, IntArray]:
    """Some rows with the target and what these models take, and the place of each in the holdout."""
    policy, holdout = release.project.policy, release.project.dataset.holdout
    inputs = [name for model in models if model is not None for name in _inputs(model)]
    return holdout.sample(list(dict.fromkeys([*inputs, policy.data.target])), _SAMPLED_ROWS, policy.gate.seed)


def _inputs(model: PackagedModel) -> list[str]:
    return [field.name for field in model.inputs]


def _latency(
    gate: GateConfig, model: PackagedModel | None, said: Outputs | None, rows: pl.DataFrame
) -> FloatArray | None:
    """Milliseconds of single answers: as they came, if each was timed, else of so many rows as the checks need.

    None where there are no such checks.
    """
    requests = latency_requests(gate)
    if model is None or requests == 0:
        return None
    if said is not None and said.latency_ms is not None:
        return said.latency_ms
    return measure_latency(model, rows.select(_inputs(model)), seed=gate.seed, requests=requests)


def _compares_latency(gate: GateConfig) -> bool:
    named = named_by(gate)
    return any(
        check.no_worse_than_champion_by is not None and Need.LATENCY in named[check.metric].needs
        for check in gate.checks
    )


def require_weighed(release: Release) -> None:
    """Refuse a model folder that is not what training left there."""
    found = model_digest(release.folder / "model")
    if found != release.journal.result(Step.TRAIN)["model_digest"]:
        raise UserError(
            f"the model files of release {release.id} are not those that training left: digest {found[:12]}",
            expected="the folder as `weighbridge train` wrote it",
            next_step="weighbridge release --new",
        )


def ask_champion(release: Release) -> Champion | None:
    """Let the champion answer for the same rows; one that cannot is reported, never passed over."""
    project = release.project
    version = project.registry.by_alias(Alias.CHAMPION)
    if version is None:
        return None
    holdout = project.dataset.holdout
    try:
        bundle = fetch_bundle(project.registry, version, project.home / "bundles")
        model = load_model(
            bundle.model_dir, task=bundle.task, threshold=bundle.threshold, replies=project.home / REPLIES
        )
        missing = [name for name in _inputs(model) if name not in holdout.schema]
        if missing:
            return Champion(
                version, problem=f"the holdout lacks the champion's features {', '.join(missing)}"
            )
        return Champion(version, model, ask_holdout(project, model))
    except WeighbridgeError as error:
        return Champion(version, problem=error.found)
