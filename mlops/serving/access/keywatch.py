"""The keys as a running server knows them: read at its start, and again whenever their file changes."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from evaluation.errors import UserError
from mlops.serving.access.callers import Caller
from mlops.serving.access.keys import API_KEYS, Keyring, marks, read_keys
from mlops.serving.access.reasons import Reason

_LOG = logging.getLogger("weighbridge.door")
_LOOK_EVERY_S = 1.0
_MARK_EVERY_S = 60.0
_Version = tuple[int, int, int] | None


class KeyWatch:
    """Checks keys; a thread of its own looks once a second whether their file is another one."""

    def __init__(
        self, keys: Keyring, path: Path | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._keyring = keys
        self._path = path
        self._clock = clock
        self._version: _Version = None
        self._used: set[str] = set()
        self._marked: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api-keys", daemon=True)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "KeyWatch":
        """The keys that WEIGHBRIDGE_API_KEYS names: their JSON itself, or the path of a file that holds it.

        Raises UserError where it is not set or does not hold keys.
        """
        named = environment.get(API_KEYS, "").strip()
        if not named:
            raise UserError(
                "serve.access.keys is true, and this server was given no keys",
                expected=f"{API_KEYS}: the path of keys.json, or its content",
                next_step=f"weighbridge api-keys create --name NAME --scope predict, then set {API_KEYS}",
            )
        if not named.startswith("{"):
            watch = cls(Keyring(()), Path(named))
            watch.look(at_start=True)
            return watch
        try:
            return cls(Keyring(read_keys(named)))
        except ValueError as error:
            raise _unreadable(error) from None

    def check(self, sent: str) -> Caller | Reason:
        """Whose key was sent, or why it does not count."""
        found = self._keyring.check(sent, self._clock())
        if isinstance(found, Caller):
            self._used.add(found.id)
        return found

    def start(self) -> None:
        """Begin to look; does nothing for keys that came in the environment, which cannot change."""
        if self._path is not None:
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self, *, at_start: bool = False) -> None:
        """Read the file again if it is another one.

        One that is gone lets nobody in. One that cannot be read or understood changes nothing and is told in
        the log: a slip of the hand must not shut out every caller. At the start it raises UserError.
        """
        if self._path is None:
            return
        try:
            found = self._path.stat()
            version: _Version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if version == self._version:
                return
            self._version = version
            self._keyring = Keyring(read_keys(self._path.read_bytes()))
        except FileNotFoundError:
            if self._version is not None or at_start:
                self._version = None
                self._keyring = Keyring(())
                _LOG.warning("no file of keys, so nobody is let in by key")
        except (OSError, ValueError) as error:
            if at_start:
                raise _unreadable(error) from None
            _LOG.error(
                "keys not read, the last good ones stay", extra={"facts": {"reason": str(error)[:200]}}
            )
        else:
            _LOG.info("keys read", extra={"facts": {"keys": len(self._keyring)}})

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self.look()
            self.mark()

    def mark(self) -> None:
        """Leave behind which keys were taken, each at most once a minute; where that cannot be written, do not."""
        used, self._used = self._used, set()
        now = time.monotonic()
        folder = marks(self._path) if self._path is not None else None
        for name in used:
            if folder is None or now - self._marked.get(name, -_MARK_EVERY_S) < _MARK_EVERY_S:
                continue
            self._marked[name] = now
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.joinpath(name.removeprefix("key:")).touch()
            except OSError:
                return


def _unreadable(error: Exception) -> UserError:
    return UserError(
        f"{API_KEYS} names no keys that can be read: {getattr(error, 'strerror', None) or error}",
        expected="keys.json as `weighbridge api-keys create` writes it: its path, or its content",
        next_step="weighbridge api-keys list",
    )
