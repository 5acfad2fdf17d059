"""The `weighbridge` command: its groups, and what becomes of errors."""

import os
import sys
import warnings
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from evaluation.errors import ExitCode, WeighbridgeError
from mlops.calm import calm_threads
from mlops.cli import (
    api_keys,
    compare,
    demo,
    evidence,
    explore,
    load,
    log,
    metrics,
    plan,
    rate,
    release,
    review,
    serve,
    watch,
)
from mlops.cli.context import PROJECT_OPTION, Settings
from mlops.extras import missing

_MEND = """\
  expected: a machine with room, and rights to read and write there
  next: mend that, then the same command again; it goes on where it stopped"""
_UNEXPECTED = """\
  expected: this not to happen
  next: the same command with WEIGHBRIDGE_DEBUG=1 shows where"""
_INTERRUPTED = 130  # as the shell says of a command that Ctrl+C ended

app = typer.Typer(
    name="weighbridge",
    help="Weigh every model before it may serve, and go on weighing it while it serves.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(context: typer.Context, project: PROJECT_OPTION = None) -> None:
    """Weigh every model before it may serve, and go on weighing it while it serves."""
    context.obj = Settings(project)


for group in (
    release,
    compare,
    serve,
    load,
    watch,
    log,
    explore,
    metrics,
    plan,
    review,
    evidence,
    api_keys,
    rate,
    demo,
):
    group.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with one of evaluation.errors.ExitCode.

    WEIGHBRIDGE_DEBUG=1 shows tracebacks and warnings.
    """
    debug = bool(os.environ.get("WEIGHBRIDGE_DEBUG"))
    calm_threads()
    if not debug:
        warnings.simplefilter("ignore")
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        leave(*told(error))
    else:
        sys.exit(code if isinstance(code, int) else 0)


def told(error: BaseException) -> tuple[str, int]:
    """What a person reads about an error, and the exit code that says whose it is."""
    match error:
        case WeighbridgeError():
            return str(error), error.exit_code
        case TyperException():
            return f"{error.format_message()}\n  next: weighbridge --help", ExitCode.USER_ERROR
        case typer.Abort() | KeyboardInterrupt():
            return "interrupted\n  next: the same command again; it goes on where it stopped", _INTERRUPTED
        case ModuleNotFoundError() if (lacking := missing(error.name)) is not None:
            return str(lacking), lacking.exit_code
        case OSError():
            place = f" at {error.filename}" if error.filename else ""
            text = f"{error.strerror or type(error).__name__}{place}\n{_MEND}"
        case _:
            text = f"unexpected {type(error).__name__}: {str(error)[:300]}\n{_UNEXPECTED}"
    return text, ExitCode.ENVIRONMENT


def leave(message: str, code: int) -> None:
    """Say what went wrong on standard error, and exit."""
    sys.stderr.write(f"error: {message}\n")
    sys.exit(int(code))
