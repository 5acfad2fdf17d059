"""Delivery of alerts through Apprise, which knows about a hundred services by address; its only importer."""

import logging
import re
import threading
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from monitoring.types import Alert, Delivery, Severity

_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
# Without any handler Python writes a library's warnings, and the address in them, to stderr.
_SILENT = logging.NullHandler()


def deliver(alert: Alert, to: str, *, timeout_s: float) -> Delivery:
    """Send one alert to an Apprise address and wait for the answer, `timeout_s` at most; never raises.

    What Apprise and its plug-ins say is kept back, since it may hold parts of the address; only the
    receiver's status code and the scheme of the address are told. A delivery that was given up may still
    arrive: a receiver can get an alert twice, but none is lost.

    >>> from monitoring.types import Severity
    >>> at = datetime(2026, 11, 21, tzinfo=UTC)
    >>> alert = Alert("lending", "3", Severity.WARNING, "drift", "income has moved", (), at)
    >>> deliver(alert, "nowhere://token@host", timeout_s=5).problem
    "Apprise knows no address of the kind 'nowhere'"
    """
    problem = _guarded(lambda: _send(alert, to, timeout_s), to)
    return Delivery(ok=problem is None, at=datetime.now(UTC), problem=problem)


def _guarded(call: Callable[[], str | None], to: str) -> str | None:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 a plug-in of Apprise may raise anything; its text may hold the address
        return f"{error.__class__.__name__} at a {_scheme(to)} address"


def _send(alert: Alert, to: str, timeout_s: float) -> str | None:
    """Deliver, and say what went wrong."""
    service = _service(to, timeout_s)
    if service is None:
        return f"Apprise knows no address of the kind '{_scheme(to)}'"
    outcome: list[str | None] = []
    # Apprise's own timeouts are per read: a receiver that answers byte by byte would hold the monitor for
    # ever.
    sender = threading.Thread(
        target=lambda: outcome.append(_guarded(lambda: _notify(service, alert, to), to)), daemon=True
    )
    sender.start()
    sender.join(timeout_s)
    return outcome[0] if outcome else f"no answer from a {_scheme(to)} address within {timeout_s:g} s"


def _service(to: str, timeout_s: float) -> Any:
    log = logging.getLogger("apprise")
    log.propagate = False
    log.addHandler(_SILENT)
    with warnings.catch_warnings():
        # Apprise 2.2 looks for a module that Python 3.13 dropped while it loads its plug-ins.
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        from apprise import Apprise, AppriseAsset

        asset = AppriseAsset(app_id="Weighbridge", app_desc="Weighbridge", async_mode=False)
        service = Apprise.instantiate(to, asset=asset)
    if service is not None:
        service.socket_connect_timeout = service.socket_read_timeout = timeout_s
    return service


def _notify(service: Any, alert: Alert, to: str) -> str | None:
    log, heard = logging.getLogger("apprise"), _StatusCodes()
    log.addHandler(heard)
    try:
        kind = "success" if alert.resolved else _KINDS[alert.severity]
        if service.notify(body=alert.body, title=alert.title, notify_type=kind, body_format="text"):
            return None
    finally:
        log.removeHandler(heard)
    if heard.codes:
        return f"a {_scheme(to)} address answered with status {heard.codes[-1]}"
    return f"a {_scheme(to)} address refused or can't be reached"


def _scheme(to: str) -> str:
    """The kind of an address, which is no secret.

    >>> _scheme("slack://tokenA/tokenB"), _scheme("token-without-a-scheme")
    ('slack', 'unknown')
    """
    try:
        return urlsplit(to).scheme or "unknown"
    except ValueError:
        return "unknown"


class _StatusCodes(logging.Handler):
    """Takes the status codes out of what Apprise logs in this thread, and drops the rest."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.codes: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the number of `error=503`."""
        if record.thread == self._thread:
            self.codes += re.findall(r"\berror=(\d{3})\b", record.getMessage())
