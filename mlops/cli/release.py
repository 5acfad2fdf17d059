"""The steps of a release, one command each, and `release` for all of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.errors import ExitCode
from evaluation.types import Consequence, Verdict
from mlops.cli.context import EXIT_CODES, RELEASE_OPTION, Steps, open_project, to_github

if TYPE_CHECKING:
    from rich.console import Console

    from mlops.release.journal import Step
    from mlops.release.run import Release


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (release, validate, train, evaluate, gate, register):
        app.command()(command)


def release(
    context: typer.Context,
    new: Annotated[
        bool, typer.Option("--new", help="Start over, even if a release of the same inputs is open.")
    ] = False,
) -> int:
    """Validate, train, evaluate, gate, register and deploy; goes on where an interrupted release stopped."""
    from mlops.lock import one_release
    from mlops.release.run import begin, run_all
    from mlops.serving.access.binding import require_guarded

    project = open_project(context)
    # The router asks the same, at the end of a release.
    require_guarded(project.policy.serve.host, project.policy.serve.access)
    project.prepare_home()
    with one_release(project.home), Steps() as steps:
        current = begin(project, new=new)
        steps.title(f"release {current.id} of {project.policy.model}")
        run_all(current, steps)
        return conclude(current)


def validate(
    context: typer.Context, new: Annotated[bool, typer.Option("--new", help="Start a new release.")] = False
) -> int:
    """Check the data: schema, target, balance, duplicates, overlap, expectations. Starts a release."""
    from mlops.lock import one_release
    from mlops.release.journal import Step
    from mlops.release.run import begin, run_step

    project = open_project(context)
    project.prepare_home()
    with one_release(project.home), Steps() as steps:
        current = begin(project, new=new)
        verdict = run_step(current, Step.VALIDATE, steps)
    to_github({"release": current.id, "verdict": verdict or ""})
    return EXIT_CODES[verdict or Verdict.INCONCLUSIVE]


def train(context: typer.Context, release: RELEASE_OPTION = None) -> int:
    """Run the training function and log the model with its lineage."""
    from mlops.release.journal import Step

    return _one(context, Step.TRAIN, release)


def evaluate(context: typer.Context, release: RELEASE_OPTION = None) -> int:
    """Predict the holdout with challenger and champion and measure what the policy names."""
    from mlops.release.journal import Step

    return _one(context, Step.EVALUATE, release)


def gate(context: typer.Context, release: RELEASE_OPTION = None) -> int:
    """Decide: every check's interval against its bound. Exit code 0 pass, 1 fail, 2 inconclusive."""
    from mlops.release.journal import Step

    return _one(context, Step.GATE, release)


def register(context: typer.Context, release: RELEASE_OPTION = None) -> int:
    """Register a release that passed as the challenger."""
    from mlops.release.journal import Step

    return _one(context, Step.REGISTER, release)


def _one(context: typer.Context, step: "Step", release_id: str | None) -> int:
    from mlops.lock import one_release
    from mlops.release.journal import Step
    from mlops.release.run import current, run_step

    project = open_project(context)
    project.prepare_home()
    with one_release(project.home), Steps() as steps:
        chosen = current(project, release_id)
        run_step(chosen, step, steps)
        if step is Step.GATE:
            return conclude(chosen)
    results = chosen.journal.result(step)
    to_github({"release": chosen.id, **{key: results[key] for key in ("version", "url") if key in results}})
    return 0


def conclude(chosen: "Release", screen: "Console | None" = None) -> int:
    """Show the decision in a table and where its evidence is; 0 where the model may serve, else the verdict's code."""
    from evaluation.reports.document import decision_brief
    from evaluation.reports.terminal import to_terminal
    from mlops.cli.context import console
    from mlops.decision.record import FILE_NAME, DecisionRecord
    from mlops.release.journal import Step

    record = DecisionRecord.read(chosen.folder / FILE_NAME)
    screen = screen or console()
    screen.print(to_terminal(decision_brief(record.content)))
    screen.print(
        f"record  {chosen.folder / FILE_NAME}\nreport  {chosen.folder / 'report.html'}", soft_wrap=True
    )
    results = chosen.journal.steps.get(Step.DEPLOY.value, {}).get("result", {})
    to_github(
        {
            "release": chosen.id,
            "verdict": record.verdict.value,
            "consequence": record.consequence.value,
            "record": chosen.folder / FILE_NAME,
            **results,
        }
    )
    return ExitCode.PASS if record.consequence is Consequence.PROMOTE else EXIT_CODES[record.verdict]
