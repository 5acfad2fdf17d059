"""Serving: deploy, rollback, stop, serve, image."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from mlops.cli.context import RELEASE_OPTION, Steps, console, open_project, to_github


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (deploy, rollback, stop, serve, image):
        app.command()(command)


def deploy(
    context: typer.Context,
    release: RELEASE_OPTION = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="REF@sha256:...", help="Serve this image of the release as a container."),
    ] = None,
) -> int:
    """Serve a registered release behind the router and make it champion."""
    from dataclasses import replace

    from mlops.lock import one_release
    from mlops.release.journal import Step
    from mlops.release.run import current, run_step

    project = open_project(context)
    project.prepare_home()
    with one_release(project.home), Steps() as steps:
        chosen = replace(current(project, release), image=image)
        run_step(chosen, Step.DEPLOY, steps, again=True)
    results = chosen.journal.result(Step.DEPLOY)
    to_github({"release": chosen.id, **results})
    return 0


def rollback(context: typer.Context) -> int:
    """Put the previous champion back at once."""
    from mlops.actions import roll_back
    from mlops.lock import one_release

    project = open_project(context)
    with one_release(project.home):
        done = roll_back(project)
    console().print(done.summary)
    to_github({"version": done.version})
    return 0


def stop(context: typer.Context) -> int:
    """Stop the router and the lanes of this project; releases, stores and logs stay."""
    from mlops.lock import one_release

    project = open_project(context)
    with one_release(project.home):
        project.rollout().stop()
    console().print(f"stopped; next: weighbridge --project {project.folder} deploy")
    return 0


def serve(
    context: typer.Context,
    *,
    follow: Annotated[
        Literal["champion", "challenger", "previous"],
        typer.Option(help="The version to serve, and to go after."),
    ] = "champion",
    port: Annotated[int | None, typer.Option(help="In place of serve.port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="In place of serve.workers.")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Serve https with this, in PEM; read again when it is renewed."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key, in PEM.")
    ] = None,
) -> int:
    """Serve the champion in the foreground, without a router, and the next one as soon as there is one.

    It answers at serve.host and serve.port of weighbridge.yaml; Ctrl+C finishes what is in flight and ends it.
    """
    from mlops.decision.keys import SIGNING_KEY
    from mlops.decision.trust import TRUSTED_KEYS, trust
    from mlops.mlflow_store import tracking_uri
    from mlops.serving.access.keys import API_KEYS, KeyFile
    from mlops.serving.command import main

    project = open_project(context)
    project.prepare_home()
    config = project.policy.serve
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri(project.home)
    os.environ[TRUSTED_KEYS] = trust().text
    # What serves verifies and never signs.
    os.environ.pop(SIGNING_KEY, None)
    os.environ.setdefault(API_KEYS, str(KeyFile.of(project.home).path))
    arguments = {
        "--follow": f"{project.policy.model}@{follow}",
        "--bundles": project.home / "serving" / "followed",
        "--host": config.host,
        "--port": config.port if port is None else port,
        "--log-dir": project.log_dir,
        "--serve": config.for_server(),
        "--workers": workers or config.workers,
        "--certificate": certificate,
        "--key": key,
    }
    given = {option: value for option, value in arguments.items() if value is not None}
    return main([str(part) for option in given.items() for part in option])


def image(
    context: typer.Context,
    release: RELEASE_OPTION = None,
    device: Annotated[Literal["cpu", "gpu"], typer.Option(help="What the image runs on.")] = "cpu",
    push: Annotated[
        str | None,
        typer.Option(metavar="REGISTRY/NAME", help="Push there and print the reference by digest."),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(help="A wheel of weighbridge to put into the image; made from a checkout if absent."),
    ] = None,
) -> int:
    """Build the Docker image that serves exactly a registered release."""
    from mlops.release.run import current
    from mlops.release.steps.image import build

    project = open_project(context)
    with console().status(f"building the {device} image"):
        made = build(current(project, release), device=device, push=push, wheel=wheel)
    console().print(f"image {made.reference}", soft_wrap=True)
    to_github({"image": made.reference})
    return 0
