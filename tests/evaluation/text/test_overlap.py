"""Overlap with references, against the libraries and formulas that define it."""

import collections
import re
import string
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from evaluation.metrics.base import Metric, Sample
from evaluation.text import overlap, rouge
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import bleu_words

METRICS = {metric.name: metric for metric in (*overlap.METRICS, *rouge.METRICS)}
FAMILY = (
    overlap.exact_match,
    overlap.token_f1,
    overlap.bleu,
    overlap.chrf,
    rouge.rouge_1,
    rouge.rouge_2,
    rouge.rouge_l,
)
TEXTS = st.text(alphabet="ab AB.,'-1é茶\n", max_size=25)
CORPORA = st.lists(
    st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)), min_size=1, max_size=8
)


def rows_of(corpus: list[tuple[str, tuple[str, ...]]]) -> TextRows:
    return TextRows.of([answer for answer, _ in corpus], *(references for _, references in corpus))


def sample_of(name: str, rows: TextRows) -> tuple[Metric, Sample]:
    scored = METRICS[name].scorer(rows)
    assert isinstance(scored, Scored)
    target = np.zeros(rows.n)
    return METRICS[name], Sample(target, target, row_scores={name: scored.values})


def streams(rows: TextRows) -> list[list[str | None]]:
    """References as sacrebleu takes them: the first of every row, the second, ..."""
    most = max(map(len, rows.references))
    return [[several[i] if i < len(several) else None for several in rows.references] for i in range(most)]


def squad_normalized(text: str) -> str:
    """The steps of the SQuAD evaluation, one a line."""
    text = text.lower()
    text = "".join(ch for ch in text if ch not in set(string.punctuation))
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())


def squad_f1(reference: str, answer: str) -> float:
    gold, got = squad_normalized(reference).split(), squad_normalized(answer).split()
    same = (collections.Counter(gold) & collections.Counter(got)).total()
    if not gold or not got:
        return float(gold == got)
    if same == 0:
        return 0.0
    precision, recall = same / len(got), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def check_against_references(rows: TextRows) -> None:
    metric, sample = sample_of("bleu", rows)
    words = sample.row_scores["bleu"][:, :2].sum()
    if words:
        assert metric.point(sample) == BLEU(force=True).corpus_score(list(rows.answers), streams(rows)).score
        assert overlap.bleu_of_sums(sample.row_scores["bleu"].sum(axis=0, keepdims=True))[0] == pytest.approx(
            metric.point(sample), rel=1e-12
        )
    metric, sample = sample_of("chrf", rows)
    if sample.row_scores["chrf"].any():
        assert metric.point(sample) == CHRF().corpus_score(list(rows.answers), streams(rows)).score
    for name, of in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        scorer = RougeScorer([of])
        values = METRICS[name].scorer(rows).values
        for answer, several, value in zip(rows.answers, rows.references, values, strict=True):
            expected = scorer.score_multi(list(several), answer)[of].fmeasure
            readable = any(re.search("[a-z0-9]", text.lower()) for text in several)
            assert value == expected if readable else np.isnan(value) and expected == 0
    for answer, several, exact, f1 in zip(
        rows.answers,
        rows.references,
        overlap.exact_match(rows).values,
        overlap.token_f1(rows).values,
        strict=True,
    ):
        assert exact == any(squad_normalized(text) == squad_normalized(answer) for text in several)
        assert f1 == pytest.approx(max(squad_f1(text, answer) for text in several), abs=1e-15)


def test_the_table_is_as_the_libraries_have_it(cases: TextRows) -> None:
    check_against_references(replace(cases, shared={}))


def test_every_case_alone_is_as_the_libraries_have_it(cases: TextRows) -> None:
    for answer, several in zip(cases.answers, cases.references, strict=True):
        check_against_references(rows_of([(answer, several)]))


@settings(max_examples=60)
@given(CORPORA)
def test_any_corpus_is_as_the_libraries_have_it(corpus):
    check_against_references(rows_of(corpus))


PIECES = ["", "&quot;", "<skipped>", "x-\n&amp;lt; ", "&gt"]
SIGNS = st.text(alphabet="a1 .,-&;<>\"$/'\\\n\u2028é茶")


@settings(max_examples=300)
@given(SIGNS | st.text(), st.sampled_from(PIECES))
def test_words_of_bleu_are_those_of_sacrebleu(text, piece):
    tokenize = Tokenizer13a()
    for each in (text, piece + text, text + piece + text):
        assert bleu_words(each) == tokenize(each.rstrip()).split()


def test_every_sign_is_split_as_sacrebleu_does() -> None:
    tokenize = Tokenizer13a()
    for sign in map(chr, range(0x250)):
        for text in (f"a{sign}b", f"1{sign}2", f"{sign}a 1{sign} {sign}"):
            assert bleu_words(text) == tokenize(text.rstrip()).split()


@settings(max_examples=200)
@given(*[st.lists(st.integers(0, 4), max_size=40).map(np.array)] * 2)
def test_longest_common_sequence_is_that_of_the_table(one, other):
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    for i in range(len(one)):
        for j in range(len(other)):
            same = one[i] == other[j]
            table[i + 1, j + 1] = table[i, j] + 1 if same else max(table[i, j + 1], table[i + 1, j])
    assert rouge.longest_common(one, other) == table[-1, -1]


@pytest.mark.parametrize("scorer", FAMILY, ids=lambda scorer: scorer.__name__)
def test_a_row_without_reference_has_no_value_and_says_so(scorer) -> None:
    scored = scorer(TextRows.of(["a mug", "a cup"], (), "a cup"))
    assert np.isnan(scored.values[0]).all()
    assert np.isfinite(scored.values[1]).all()
    assert scored.problems == ["the case has no reference", None]


def test_rouge_says_that_it_reads_no_other_scripts() -> None:
    scored = rouge.rouge_l(TextRows.of(["кот", "cat"], "кот", ("кот", "cat")))
    assert scored.problems[0] == "no reference has a word of a-z and 0-9, and ROUGE reads no others"
    assert scored.values[1] == 1


@pytest.mark.parametrize("scorer", FAMILY, ids=lambda scorer: scorer.__name__)
def test_huge_texts_end(scorer, huge: TextRows) -> None:
    assert np.isfinite(scorer(huge).values).all() or scorer.__name__.startswith("rouge")


def test_sums_of_nothing_have_no_value() -> None:
    assert np.isnan(overlap.bleu_of_sums(np.zeros((1, 10)))).all()
    assert np.isnan(overlap.chrf_of_sums(np.zeros((1, 18)))).all()
    assert overlap.bleu_of_sums(np.array([[0.0, 9] + [0] * 8])).tolist() == [0]
