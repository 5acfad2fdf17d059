"""Two small projects: one whose texts a stub of an endpoint writes, one whose model is trained on a table."""

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from mlops.compare.run import compare
from mlops.project import Project

NOUNS = ("mug", "scarf", "lamp", "bowl", "clock", "tray", "candle", "purse")
ROWS = 60


@dataclass
class Observed:
    """What was told while candidates were asked."""

    told: list[tuple[str, str | None]] = field(default_factory=list)

    def begin(self, name: str) -> None:
        self.told.append((name, None))

    def end(self, name: str, problem: str | None) -> None:
        self.told.append((name, problem or "answered"))


class Stub(ThreadingHTTPServer):
    """An endpoint that says what a function makes of the prompt; it counts what it was asked."""

    def __init__(self, says: Callable[[str, dict[str, Any]], str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.says, self.asked = says, 0
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked += 1
        text = self.server.says(body["messages"][-1]["content"], body)
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": "m", "created": 1}
        delta = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(body["messages"][-1]["content"]), "completion_tokens": len(text)}
        events = [
            chunk | {"choices": [delta]},
            chunk | {"choices": [last]},
            chunk | {"choices": [], "usage": usage | {"total_tokens": sum(usage.values())}},
        ]
        content = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' screen."""


def say(prompt: str, body: dict[str, Any]) -> str:
    """Where it is given facts it repeats most of them; else it makes something up; warm answers wander off."""
    chance = np.random.default_rng(zlib.crc32(prompt.encode()))
    words = (
        prompt.rpartition(": ")[2].split()
        if prompt.startswith("Facts")
        else ["a", "fine", "thing", "for", "you", "all"]
    )
    kept = [word for word in words if chance.random() < 0.8] or words
    wandering = ["and", "much", "more", "besides"] if body.get("temperature") else []
    return " ".join([*kept, *wandering[: chance.integers(2, 5)]])


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub(say)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def texts(start: int) -> pl.DataFrame:
    """Titles with facts and a reference, all different from row to row."""
    facts = [f"{NOUNS[row % 8]} number {row} made in {1900 + row}" for row in range(start, start + ROWS)]
    return pl.DataFrame(
        {
            "title": [text.upper() for text in facts],
            "facts": facts,
            "text": [f"a {text} for you" for text in facts],
        }
    )


@pytest.fixture
def shop(tmp_path: Path, stub: Stub) -> Callable[..., Project]:
    """A project that writes texts; `compare` is its section, other sections may be changed."""

    def make(compare: dict[str, Any], **others: Any) -> Project:
        (tmp_path / "plain.txt").write_text("Title: {title}")
        (tmp_path / "facts.txt").write_text("Facts: {facts}")
        texts(0).write_csv(tmp_path / "train.csv")
        texts(1000).write_csv(tmp_path / "holdout.csv")
        endpoint = {"url": stub.url, "model": "m", "price": {"input": 1.0, "output": 2.0}}
        policy = {
            "model": "shop",
            "task": "generation",
            "data": {"train": "train.csv", "evaluate": "holdout.csv", "target": "text"},
            "generate": {"prompt": "plain.txt", "endpoint": endpoint},
            "gate": {"checks": [{"metric": "rouge_l", "at_least": 0.1}]},
            "compare": {"by": "rouge_l", **compare},
        }
        (tmp_path / "weighbridge.yaml").write_text(yaml.safe_dump(policy | others, sort_keys=False))
        return Project.open(tmp_path)

    return make


TRAIN = """
from sklearn.linear_model import LogisticRegression

def train(features, target, *, seed, strength=1.0, columns=None):
    if strength < 0:
        raise ValueError("a negative strength")
    kept = features.assign(**{name: 0.0 for name in features if columns and name not in columns})
    return LogisticRegression(C=strength).fit(kept, target)
"""


def table(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, rows))
    late = a + b + random.normal(0, 0.5, rows) > 0
    return pl.DataFrame({"a": a, "b": b, "late": late.astype(int), "customer": np.arange(rows) // 2})


@pytest.fixture
def lending(tmp_path: Path) -> Callable[..., Project]:
    """A project that trains a model on a table."""

    def make(compare: dict[str, Any], **others: Any) -> Project:
        (tmp_path / "train.py").write_text(TRAIN)
        table(800, 1).write_parquet(tmp_path / "train.parquet")
        table(400, 2).write_parquet(tmp_path / "holdout.parquet")
        policy = {
            "model": "lending",
            "data": {
                "train": "train.parquet",
                "evaluate": "holdout.parquet",
                "target": "late",
                "ignore": ["customer"],
            },
            "train": {"entrypoint": "train:train", "seed": 3, "params": {"strength": 1.0}},
            "gate": {"checks": [{"metric": "accuracy", "at_least": 0.7}]},
            "compare": {"by": "log_loss", **compare},
        }
        (tmp_path / "weighbridge.yaml").write_text(yaml.safe_dump(policy | others, sort_keys=False))
        return Project.open(tmp_path)

    return make


@pytest.fixture
def compared() -> Callable[[Project], dict[str, Any]]:
    """Runs a comparison and gives the content of its record, read from its file."""

    def read(project: Project) -> dict[str, Any]:
        found = compare(project, Observed())
        content: dict[str, Any] = json.loads((found.folder / "comparison.json").read_bytes())
        assert content == found.content
        return content

    return read
