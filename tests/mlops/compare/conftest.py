"""Two small projects: one whose texts a stub of an endpoint writes, one whose model is trained on a table."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
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


@pytest.fixture
def stub(make_stub: Callable[..., Any]) -> Any:
    return make_stub(say)


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
def shop(tmp_path: Path, stub: Any) -> Callable[..., Project]:
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
