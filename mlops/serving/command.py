"""`python -m mlops.serving BUNDLE`, or `--follow MODEL@ALIAS`: verify, load, serve."""

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pydantic import ValidationError

from evaluation.errors import EnvironmentProblem, ExitCode, UserError, WeighbridgeError
from mlops.calm import calm_threads
from mlops.extras import missing
from mlops.serving.access.binding import require_guarded
from mlops.serving.config import ServeConfig
from mlops.serving.processes import Inherited, Supervisor
from mlops.serving.settings import Settings
from mlops.serving.startup import import_first, quick_start

if TYPE_CHECKING:
    from mlops.serving.following import Registered
    from mlops.serving.tls import Certificate
    from monitoring.store.delta import DeltaRequestLog

_LOG = logging.getLogger("weighbridge.server")
# A store that does not answer keeps no server from its start.
_LOG_READY_WITHIN_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns one of evaluation.errors.ExitCode."""
    calm_threads()
    # Requests run beside each other; one that takes all cores for itself was 5 to 10 % slower for a single row of
    # the lending example, and no faster for a thousand.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        options = _parser().parse_args(arguments)
        settings, source, certificate = _settings(options), _source(options), _certificate(options)
        if settings.serve.workers > 1 and options.worker is None:
            return _supervise(sys.argv[1:] if arguments is None else arguments, settings)
        with quick_start() as settle:
            _serve(options.bundle, source, settings, options.worker, certificate, settle)
    except WeighbridgeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except ModuleNotFoundError as error:
        lacking = missing(error.name)
        if lacking is None:
            raise
        sys.stderr.write(f"error: {lacking}\n")
        return lacking.exit_code
    return ExitCode.PASS


def _supervise(arguments: Sequence[str], settings: Settings) -> int:
    from mlops.serving.listener import bind
    from mlops.serving.log.place import require_place
    from mlops.serving.logs import log_as_json

    log_as_json()
    require_place(settings.log_dir, settings.serve.log)
    with bind(settings) as listener:
        # -P: what lies in the folder where somebody typed the command must not shadow our packages.
        command = (sys.executable, "-P", "-m", "mlops.serving", *arguments)
        return Supervisor(command, listener, settings.serve.workers).run()


def _serve(  # noqa: PLR0913, PLR0917 - what was read from the command line
    path: Path,
    source: "Registered | None",
    settings: Settings,
    inherited: Inherited | None,
    certificate: "Certificate | None",
    settle: Callable[[], None],
) -> None:
    began = time.perf_counter()
    if source is None:
        import_first(path / "model")
    from mlops.packaging.bundle import Bundle
    from mlops.packaging.load import load_model
    from mlops.serving.app import create_app
    from mlops.serving.listener import bind
    from mlops.serving.log.place import require_place
    from mlops.serving.logs import log_as_json
    from mlops.serving.reload import Follower
    from mlops.serving.server import Server, end_despite_the_model
    from monitoring.store.delta import DeltaRequestLog

    log_as_json()
    require_place(settings.log_dir, settings.serve.log)
    if inherited is not None:
        inherited.watch()
    with bind(settings) if inherited is None else inherited.listener() as listener:
        request_log = DeltaRequestLog(settings.serve.log.at or settings.log_dir, keep=settings.serve.log.keep)
        bundle = source.first() if source is not None else Bundle.open(path)
        imported = time.perf_counter()
        model = load_model(bundle.model_dir, task=bundle.task, threshold=bundle.threshold)
        serve = settings.serve
        follower = None if source is None else Follower(source, every_s=serve.follow_every_s)
        app = create_app(bundle, model, request_log, settings, follower=follower)
        facts = {
            "model": bundle.model,
            "version": bundle.version,
            "host": settings.host,
            "port": listener.getsockname()[1],
            "import_s": round(imported - began, 2),
            "load_s": round(time.perf_counter() - imported, 2),
        }
        _LOG.info("starting", extra={"facts": facts})
        settle()
        tell = inherited.ready if inherited is not None else lambda: None
        # Until the first append, which would take as long, what is answered is only in memory. Not earlier: a thread
        # that imports must not be at work when a start that failed ends.
        preparing = threading.Thread(
            target=_prepare, args=(request_log,), name="request-log-open", daemon=True
        )
        preparing.start()
        preparing.join(_LOG_READY_WITHIN_S)
        if certificate is not None:
            certificate.watch()
        tls = None if certificate is None else certificate.context
        server = Server(app, drain_s=settings.drain_s, finish_s=serve.timeout_s, started=tell, tls=tls)
        server.run(sockets=[listener])
    end_despite_the_model()


def _prepare(log: "DeltaRequestLog") -> None:
    # The writer meets the same trouble, tells it and tries again.
    with suppress(EnvironmentProblem):
        log.prepare()


class _Parser(argparse.ArgumentParser):
    """Raises UserError: argparse's own exit code 2 would mean inconclusive."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, next_step=f"{self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m mlops.serving", description="Serve one bundle over HTTP.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("bundle", nargs="?", type=Path, help="a folder that `weighbridge deploy` made")
    what.add_argument(
        "--follow",
        metavar="MODEL@ALIAS",
        help="serve the version that has the alias in the registry that MLFLOW_TRACKING_URI names, "
        "and the next one when it moves",
    )
    parser.add_argument(
        "--bundles", type=Path, help="where --follow keeps what it fetched; a folder in --log-dir if absent"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one and says which in the log")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="serve https with this, in PEM, read again when it changes",
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's private key, in PEM")
    parser.add_argument("--log-dir", type=Path, required=True, help="where the request log lies")
    parser.add_argument(
        "--serve",
        type=_serve_config,
        default=ServeConfig(),
        metavar="JSON",
        help='what weighbridge.yaml says under `serve`, such as {"max_records": 10}',
    )
    parser.add_argument(
        "--workers", type=_workers, help="processes on the same address, in place of serve.workers"
    )
    parser.add_argument("--worker", type=Inherited.parse, help=argparse.SUPPRESS)
    parser.add_argument(
        "--open", action="store_true", help="let anyone ask, also where --host lets other machines in"
    )
    parser.add_argument(
        "--drain-s", type=float, default=0.0, help="answer this long after SIGTERM, not ready"
    )
    return parser


def _serve_config(text: str) -> ServeConfig:
    try:
        return ServeConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise argparse.ArgumentTypeError(f"{where}: {first['msg']}" if where else first["msg"]) from None


def _workers(text: str) -> int:
    return _serve_config(f'{{"workers": {text}}}').workers


def _source(options: argparse.Namespace) -> "Registered | None":
    if options.follow is None:
        return None
    from mlops.serving.following import Followed, Registered

    store = os.environ.get("MLFLOW_TRACKING_URI")
    if not store:
        raise UserError(
            "--follow has no registry to ask",
            expected="the address of an MLflow server or store in MLFLOW_TRACKING_URI",
            next_step="export MLFLOW_TRACKING_URI=..., or `weighbridge serve` in a project's folder",
        )
    return Registered(Followed.parse(options.follow), store, options.bundles or options.log_dir / "bundles")


def _certificate(options: argparse.Namespace) -> "Certificate | None":
    if options.certificate is None and options.key is None:
        return None
    if options.certificate is None or options.key is None:
        raise UserError(
            "TLS needs a certificate and its key, and one of them is not given",
            next_step="--certificate fullchain.pem --key privkey.pem",
        )
    from mlops.serving.tls import Certificate

    return Certificate(options.certificate, options.key)


def _settings(options: argparse.Namespace) -> Settings:
    if options.workers is not None:
        options.serve = options.serve.model_copy(update={"workers": options.workers})
    access = options.serve.access
    if not options.open:
        require_guarded(options.host, access)
    elif access.controlled:
        raise UserError("--open contradicts serve.access.keys and oidc", next_step="leave one of them out")
    return Settings(
        log_dir=options.log_dir,
        host=options.host,
        port=options.port,
        serve=options.serve,
        drain_s=options.drain_s,
    )
