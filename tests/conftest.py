"""For every test: threads that wait asleep, as the commands have them, keys that are nobody's, an endpoint's stub."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from mlops.calm import calm_threads

calm_threads()
if not os.environ.get("CI"):
    # No test depends on speed; where CI is set, Hypothesis has a profile of its own that also fixes the seed.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def nobodys_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A configuration folder without the keys of whoever runs the tests, and with all else that is in theirs."""
    theirs = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    ours = tmp_path_factory.mktemp("config")
    # pip finds its index there, git its name.
    for path in theirs.iterdir() if theirs.is_dir() else ():
        if path.name != "weighbridge":
            (ours / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(ours))
        patch.delenv("WEIGHBRIDGE_SIGNING_KEY", raising=False)
        patch.delenv("WEIGHBRIDGE_TRUSTED_KEYS", raising=False)
        yield


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# The type of what is sent, what is sent, and the status: in place of an answer.
Sent = tuple[str, bytes, int]
Says = Callable[[str, dict[str, Any]], str | Sent]


class Stub(ThreadingHTTPServer):
    """An OpenAI-compatible endpoint that says what a function makes of the prompt; it counts what it was asked.

    Of a function that gives a `Sent` in place of a text it sends just that, and hangs up.
    """

    request_queue_size = 64

    def __init__(self, says: Says, key: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.says, self.key, self.asked = says, key, 0
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class _Answering(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.key is not None and self.headers["authorization"] != f"Bearer {self.server.key}":
            self.send_error(401)
            return
        self.server.asked += 1
        prompt = body["messages"][-1]["content"]
        text = self.server.says(prompt, body)
        if not isinstance(text, str):
            self._send(*text)
            return
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(text)}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            whole = {"id": "1", "object": "chat.completion", "model": "m", "created": 1}
            told = usage | {"total_tokens": sum(usage.values())}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            self._send("application/json", json.dumps(whole | {"choices": choices, "usage": told}).encode())
            return
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": "m", "created": 1}
        delta = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        events = [
            chunk | {"choices": [delta]},
            chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            chunk | {"choices": [], "usage": usage | {"total_tokens": sum(usage.values())}},
        ]
        content = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._send("text/event-stream", content.encode())

    def _send(self, kind: str, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        with suppress(ConnectionError):  # whoever asked has given up
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' screen."""


@contextmanager
def _running(stub: Stub) -> Iterator[Stub]:
    thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        stub.shutdown()
        thread.join()
        stub.server_close()


@pytest.fixture(scope="session")
def stub_running() -> Callable[..., AbstractContextManager[Stub]]:
    """Runs an endpoint on loopback for as long as a `with` block; keeping proxies away is the caller's."""
    return lambda says, key=None: _running(Stub(says, key))


@pytest.fixture
def make_stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stub]]:
    """Starts endpoints on loopback, which no proxy of the environment stands in front of."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ExitStack() as running:
        yield lambda says, key=None: running.enter_context(_running(Stub(says, key)))
