"""What people say of answers, one line a rating: a file that is a labelled set as it stands."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.judges.labelled import read_table
from evaluation.judges.prompts import Item

LONGEST_NAME = 60


@dataclass(frozen=True)
class Rateable:
    """An answer that people are asked about, and who wrote it, which they are not told."""

    item: Item
    model: str | None = None

    @property
    def id(self) -> str:
        """The same for the same answer to the same prompt, and telling nothing of who wrote it.

        >>> Rateable(Item("p", "a"), "one").id == Rateable(Item("p", "a"), "two").id
        True
        """
        told = json.dumps([self.item.prompt, self.item.answer]).encode()
        return hashlib.sha256(told).hexdigest()[:24]


def read_rateables(path: Path) -> list[Rateable]:
    """Answers to be rated, each once: a CSV, JSONL or Parquet file with prompt, answer and perhaps reference, model.

    Raises UserError where the file cannot be read, lacks a column or has an empty answer.
    """
    rows = read_table(path, ("prompt", "answer"), ("reference", "model"))
    found: dict[str, Rateable] = {}
    for number, row in enumerate(rows, start=1):
        if row["prompt"] is None or not row["answer"]:
            raise UserError(f"{path.name}: row {number} has no prompt or no answer")
        item = Item(str(row["prompt"]), str(row["answer"]), row.get("reference") or None)
        each = Rateable(item, row.get("model") or None)
        found.setdefault(each.id, each)
    return list(found.values())


def order_for(rater: str, rateables: Sequence[Rateable], seed: int = 0) -> list[Rateable]:
    """All of them in a random order that is the rater's own, and the same whenever they come back."""
    told = int.from_bytes(hashlib.sha256(rater.encode()).digest()[:8], "big")
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, told))))
    return [rateables[place] for place in random.permutation(len(rateables))]


def append_rating(
    path: Path, rateable: Rateable, rater: str, score: int | str, at: datetime | None = None
) -> None:
    """Add one line; where a rater says something anew of an answer, the later line counts.

    Several processes may append at the same time.

    Raises UserError for a rater without a name, EnvironmentProblem where the file cannot be written.
    """
    name = " ".join(rater.split())
    if not name or len(name) > LONGEST_NAME:
        raise UserError("a rating needs the name of its rater", expected=f"1 to {LONGEST_NAME} characters")
    line = {
        "prompt": rateable.item.prompt,
        "answer": rateable.item.answer,
        "reference": rateable.item.reference,
        "model": rateable.model,
        "rater": name,
        "score": score,
        "at": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of several processes do not mix.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise EnvironmentProblem(
            f"could not write {path.name}: {error.strerror}",
            expected=f"room and write access in {path.parent}",
        ) from error


def rated_by(path: Path, rater: str) -> dict[str, int | str]:
    """What a rater has said so far, by the answers' ids; nothing where there is no file."""
    if not path.exists():
        return {}
    name, found = " ".join(rater.split()), {}
    for row in read_table(path, ("prompt", "answer", "score", "rater"), ()):
        if row["rater"] == name:
            found[Rateable(Item(row["prompt"], row["answer"])).id] = row["score"]
    return found
