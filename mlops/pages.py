"""The pages of MLflow and Evidently, opened on this project's stores."""

import os
import shlex
import subprocess
import sys
from importlib.util import find_spec

import typer

from evaluation.errors import UserError
from mlops.extras import missing
from mlops.mlflow_store import is_embedded, tracking_uri
from mlops.project import Project


def mlflow_command(project: Project, port: int) -> list[str]:
    """The command that shows the embedded store; raises UserError when the store is a server with its own pages."""
    if not is_embedded(project.home):
        raise UserError(
            "MLFLOW_TRACKING_URI names a server, which has its own pages",
            expected="the embedded store",
            next_step=f"open {tracking_uri(project.home).rpartition('@')[2]} in a browser",
        )
    _require("mlflow.server")
    store = tracking_uri(project.home)
    return [
        sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store, "--registry-store-uri", store,
        "--default-artifact-root", str(project.home / "artifacts"), "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",
    ]  # fmt: skip


def drift_command(project: Project, port: int) -> list[str]:
    """The command that shows the Evidently workspace; raises UserError when no pass has filled it yet."""
    workspace = project.home / "monitoring" / "workspace"
    if not workspace.exists():
        raise UserError(
            "there is no drift report yet",
            expected="one pass of the monitor",
            next_step="weighbridge monitor",
        )
    _require("evidently.cli")
    return [
        sys.executable, "-m", "evidently.cli", "ui", "--workspace", str(workspace), "--host", "127.0.0.1",
        "--port", str(port),
    ]  # fmt: skip


def run(command: list[str], *, print_only: bool) -> int:
    """Run a page's server until it is interrupted, or print its command."""
    if print_only:
        typer.echo(shlex.join(command))
        return 0
    typer.echo(f"http://127.0.0.1:{command[command.index('--port') + 1]}  (Ctrl+C ends it)")
    environment = {**os.environ, "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0


def _require(module: str) -> None:
    if find_spec(module) is None and (error := missing(module)) is not None:
        raise error
