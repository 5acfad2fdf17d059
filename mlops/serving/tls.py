"""TLS by files: a certificate and its key, read again when they are renewed."""

import logging
import ssl
import threading
import time
from pathlib import Path
from typing import NoReturn

from evaluation.errors import UserError

_LOG = logging.getLogger("weighbridge.door")
_LOOK_EVERY_S = 1.0
_Version = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate and its private key in two PEM files; connections use what lay there when they began.

    context: for a server, TLS 1.2 or newer. Raises UserError for files that are no such pair.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        try:
            self._version = self._stamp()
            self.context = self._load()
        except OSError as error:
            raise UserError(
                f"{certificate} and {key} cannot be used for TLS: {_said(error)}",
                expected="PEM files: the server's certificate and those that signed it, and its key without a password",
                next_step="--certificate fullchain.pem --key privkey.pem",
            ) from None

    def watch(self) -> None:
        """Look once a second, in a thread that ends with the process, whether the files are others."""
        threading.Thread(target=self._watch, name="certificate", daemon=True).start()

    def look(self) -> None:
        """Use what lies in the files now; a pair that cannot be used changes nothing and is told in the log."""
        try:
            if (version := self._stamp()) == self._version:
                return
            self._version = version
            # What fails half-way would leave the context with a certificate and without its key.
            self._load()
            self._load(self.context)
        except OSError as error:
            _LOG.error(
                "certificate not read, the last good one stays", extra={"facts": {"reason": _said(error)}}
            )
        else:
            _LOG.info("certificate read")

    def _watch(self) -> NoReturn:
        while True:
            time.sleep(_LOOK_EVERY_S)
            self.look()

    def _stamp(self) -> _Version:
        found = [path.stat() for path in (self._certificate, self._key)]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)

    def _load(self, context: ssl.SSLContext | None = None) -> ssl.SSLContext:
        context = context or ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # Without this a key with a password would ask for it on the terminal, and wait.
        context.load_cert_chain(self._certificate, self._key, password=lambda: "")
        return context


def _said(error: OSError) -> str:
    """What was found, without a path."""
    return getattr(error, "reason", None) or error.strerror or type(error).__name__
