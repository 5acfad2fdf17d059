"""A place on loopback where the demo's alerts arrive."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LARGEST = 1 << 20


@dataclass(frozen=True)
class Receiver:
    """Its address, for Apprise, and what has arrived."""

    address: str
    arrived: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)


@contextmanager
def receive() -> Iterator[Receiver]:
    """Listen on a free port until the block ends."""
    inbox: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("Content-Length", 0)), _LARGEST)
            inbox.put(json.loads(self.rfile.read(size)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing; the story is told elsewhere."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(f"json://127.0.0.1:{server.server_port}/", inbox)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
