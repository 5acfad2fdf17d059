"""Judges whose character a test knows, asked in process or behind a local endpoint, and answers that people scored."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks._characters import OWN, Script, labelled_answers
from evaluation.judges.config import JudgeConfig
from evaluation.judges.judge import Judge
from evaluation.judges.labelled import LabelledSet
from evaluation.llm.client import Endpoint
from evaluation.llm.config import EndpointConfig


@pytest.fixture
def script() -> type[Script]:
    return Script


@pytest.fixture
def make_judge() -> Callable[..., Judge]:
    """A judge with this script, or with anything else that answers."""

    def make(script: Any, **changes: Any) -> Judge:
        endpoint = changes.pop("endpoint", {"url": "http://127.0.0.1:9/v1", "model": OWN})
        told = {
            "name": "quality",
            "rubric": "Is the answer right?",
            "endpoint": endpoint,
            "labelled": "x.csv",
        }
        config = JudgeConfig.model_validate(told | changes)
        return Judge(config, config.rubric or "", getattr(script, "ask", script))

    return make


@pytest.fixture
def make_labelled() -> Callable[..., LabelledSet]:
    """Answers that people scored, and as good as they say."""
    return labelled_answers


class _Handler(BaseHTTPRequestHandler):
    """Chat completions as OpenAI streams them."""

    script: Script

    def do_POST(self) -> None:
        """Answer with what the script says, in two pieces."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = self.script.says(body["messages"][-1]["content"])
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta, finish in (({"content": text[:5]}, None), ({"content": text[5:]}, None), ({}, "stop")):
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
            chunk |= {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def over_http() -> Iterator[Callable[[Script], Endpoint]]:
    """Put a script behind a real endpoint on loopback."""
    servers = []

    def start(script: Script) -> Endpoint:
        handler = type("Handler", (_Handler,), {"script": script})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Endpoint(
            EndpointConfig(url=f"http://127.0.0.1:{server.server_port}/v1", model=OWN, concurrency=8)
        )

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
