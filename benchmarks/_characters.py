"""Judges whose character is known, and answers that people scored: whether probes catch whom they should."""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluation.judges.labelled import LabelledSet
from evaluation.judges.prompts import Item
from evaluation.llm.values import Ask, Failed, Reply

OWN = "scripted-model"
_BETWEEN_FENCES = re.compile(r"^(=== \w+ ===)\n(.*?)\n\1$", re.DOTALL | re.MULTILINE)


@dataclass
class Script:
    """A judge that finds what an answer is worth in its text, and errs as it is told.

    noise: how often it says something at random instead. likes: "first" for the place shown first, "length",
    "own" for what its own model wrote, "nothing"; how much: in how many of the answers this decides.
    """

    noise: float = 0.05
    likes: str = "nothing"
    how_much: float = 0.6
    seed: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    lock: Any = field(default_factory=threading.Lock)

    def says(self, prompt: str) -> str:
        """A reply to one request; what is asked again may be answered otherwise, whatever the order of requests."""
        with self.lock:
            self.asked[prompt] += 1
            times = self.asked[prompt]
        told = hashlib.sha256(f"{self.seed} {times} {prompt}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(told[:8], "big"))
        texts = [found[1] for found in _BETWEEN_FENCES.findall(prompt)]
        question, answers = texts[0], texts[1:]
        worth = [self._worth(question, answer) for answer in answers]
        by_chance, decides = random.random() < self.noise, random.random() < self.how_much
        if len(answers) == 1:
            return json.dumps({"score": self._score(worth[0], answers[0], by_chance, decides, random)})
        return json.dumps({"winner": self._winner(worth, answers, by_chance, decides, random)})

    @staticmethod
    def _worth(question: str, answer: str) -> int:
        """From 1 to 5, 1 for an answer to another question."""
        about, worth = re.search(r"About (\w+)", answer), re.search(r"worth (\d)", answer)
        if about is None or worth is None or f"about {about[1]}?" not in question:
            return 1
        return int(worth[1])

    def _score(
        self, worth: int, answer: str, by_chance: bool, decides: bool, random: np.random.Generator
    ) -> int:
        if by_chance:
            return int(random.integers(1, 6))
        if decides and self.likes == "length" and len(answer.split()) > 20:
            return 5
        if decides and self.likes == "own" and "by the house" in answer:
            return 5
        return worth

    def _winner(
        self,
        worth: Sequence[int],
        answers: Sequence[str],
        by_chance: bool,
        decides: bool,
        random: np.random.Generator,
    ) -> str:
        if by_chance:
            return str(random.choice(["A", "B", "tie"]))
        lengths = [len(answer.split()) for answer in answers]
        owns = ["by the house" in answer for answer in answers]
        if decides and self.likes == "first":
            return "A"
        if decides and self.likes == "length" and lengths[0] != lengths[1]:
            return "A" if lengths[0] > lengths[1] else "B"
        if decides and self.likes == "own" and owns[0] != owns[1]:
            return "A" if owns[0] else "B"
        return "tie" if worth[0] == worth[1] else ("A" if worth[0] > worth[1] else "B")

    def ask(self, asks: Sequence[Ask]) -> list[Reply | Failed]:
        """All replies, without a wire."""
        return [Reply(self.says(ask.messages[-1].text), None, None, 1.0, "stop", None) for ask in asks]


def labelled_answers(n: int = 120, each: int = 1, seed: int = 1) -> LabelledSet:
    """n answers, `each` to one question, that people scored from 1 to 5; the judge's model wrote half of them.

    Of several answers to one question half are as good as the one before.
    """
    random = np.random.default_rng(seed)
    worth = random.integers(1, 6, n)
    if each > 1:
        same = (random.random(n) < 0.5) & (np.arange(n) % each > 0)
        worth = np.where(same, np.roll(worth, 1), worth)
    own = random.integers(0, 2, n) == 1
    items = [
        Item(
            f"What is there to say about subject{row // each}?",
            f"About subject{row // each}, {'by the house' if mine else 'by a guest'}, no. {row}: "
            f"worth {value}.",
        )
        for row, (value, mine) in enumerate(zip(worth, own, strict=True))
    ]
    models = tuple(OWN if mine else "another-model" for mine in own)
    return LabelledSet(tuple(items), worth[:, None].astype(float), ("anna",), models)
