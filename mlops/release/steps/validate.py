"""Step 1: are these the data that the policy speaks of?"""

import json

from evaluation.files import write_whole
from evaluation.metrics.builtin import find_metric
from evaluation.plan import check_gate, grouping_columns
from evaluation.types import Verdict
from mlops.data.validate import validate, validation_to_json
from mlops.generation.making import PROMPTS
from mlops.generation.prompt import Prompt
from mlops.project import Project
from mlops.release.foreseen import missing_keys, without_value
from mlops.release.run import Fraction, Release, StepDone


def perform(release: Release, advance: Fraction) -> StepDone:
    """Check schema, target, balance, duplicates, overlap and the user's expectations; keep the page."""
    from evaluation.reports.document import validation_document
    from evaluation.reports.html import to_html

    policy, dataset = release.project.policy, release.project.dataset
    check_gate(policy.gate, task=policy.task, schema=dataset.holdout.schema)
    lacking = without_value(release.project).items()
    notes = [f"{name} will be inconclusive: {problem}" for name, problem in lacking] + missing_keys(policy)
    for watched in policy.monitor.performance:
        find_metric(watched.metric)
    suite = release.project.folder / policy.data.expectations if policy.data.expectations else None
    found = validate(
        dataset,
        task=policy.task,
        data=policy.data,
        expectations=suite,
        groups=grouping_columns(policy.gate),
        shown=_shown(release.project),
        corpus=_corpus(release.project),
        progress=advance,
    )
    content = validation_to_json(found)
    write_whole(release.folder / "validation.json", json.dumps(content, indent=1, allow_nan=False).encode())
    write_whole(release.folder / "validation.html", to_html(validation_document(content, notes)).encode())
    failed = [check for check in found.checks if check.verdict is not Verdict.PASS]
    rows = dataset.training.rows, dataset.holdout.rows
    summary = f"{rows[0]:,} + {rows[1]:,} rows, {len(found.checks)} checks"
    if failed:
        summary += f"; {len(failed)} not passed: {failed[0].message}"
    return StepDone(
        {"verdict": found.verdict.value, "failed": [check.name for check in failed]},
        "; ".join([summary, *notes]),
        found.verdict,
    )


def _shown(project: Project) -> dict[str, list[str]]:
    """What a model that writes is told beside every case, examples included."""
    policy = project.policy
    if not policy.prompts:
        return {}
    section = "generate.prompt" if policy.generate is None or policy.generate.chain is None else PROMPTS
    found = [Prompt.read(project.folder / name, section=section) for name in policy.prompts]
    return {"the prompt": [prompt.template for prompt in found]}


def _corpus(project: Project) -> tuple[str, ...]:
    """The texts that passages are looked up in."""
    generate = project.policy.generate
    if generate is None or generate.retrieval is None:
        return ()
    from mlops.generation.retrieval.documents import read_documents

    return tuple(read_documents(project.folder / generate.retrieval.documents).texts)
