"""What an answer claims beside the facts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import UserError
from evaluation.text.config import TextConfig
from evaluation.text.facts import claims, fact_consistency, invented_claims
from evaluation.text.rows import TextRows

CASES = [
    # answer, facts, invented claims
    ("A lovely white metal heart to hang up.", "WHITE HANGING HEART T-LIGHT HOLDER, metal", 0),
    ("A lovely red metal heart to hang up.", "WHITE HANGING HEART T-LIGHT HOLDER, metal", 1),
    ("This blue cotton scarf is 2 m long.", "WHITE HANGING HEART T-LIGHT HOLDER", 4),
    ("Six mugs in a set", "SET OF 6 MUGS", 0),
    ("6 mugs in a set", "SET OF SIX MUG", 0),
    ("Seven mugs in a set", "SET OF 6 MUGS", 1),
    ("It costs 1,299.50 now", "price: 1299.5", 0),
    ("It costs 1299,50 now", "price: 1299.5", 0),
    ("It costs 12.99 now", "price: 12.98", 1),
    ("007 and 7.0", "7", 0),
    ("One of the best, this one is", "mug", 0),
    ("wooden toy in gray", "WOOD TOY GREY", 0),
    ("woollen hats", "WOOL HAT", 0),
    ("glass dishes and glasses", "glass", 0),
    ("a red-and-white striped mug", "MUG RED WHITE STRIPES", 0),
    ("a T-shirt", "SHIRT", 1),
    ("Redder than bluebells, ironic and tinny", "mug", 0),
    ("A gift that lasts", "mug", 0),
    ("A4 paper, 3D", "PAPER A4 3D", 0),
    ("\u0663 mugs", "3 mugs", 0),
    ("1" * 5000, "2", 1),
    ("", "mug", 0),
    ("1.2.3 4..5 ,6,", "1.2.3 4 5 6", 0),
]


@pytest.mark.parametrize(("answer", "facts", "invented"), CASES)
def test_claims_that_the_facts_do_not_have(answer: str, facts: str, invented: int) -> None:
    rows = TextRows.of([answer], given=[facts], settings=TextConfig(facts="given"))
    assert invented_claims(rows).values.tolist() == [invented]
    assert fact_consistency(rows).values.tolist() == [float(invented == 0)]


def test_facts_are_the_column_or_else_the_prompt_and_may_be_a_list_or_a_number() -> None:
    rows = TextRows.of(["3 red mugs"] * 3, prompt=["Describe: 3 red mugs", "mugs", None])
    assert fact_consistency(rows).values[:2].tolist() == [1, 0]
    assert fact_consistency(rows).problems == [None, None, "the facts of the case are not known"]
    rows = TextRows.of(
        ["3 red mugs"] * 2, given=[["red", "3", "mug"], ["blue"]], settings=TextConfig(facts="given")
    )
    assert fact_consistency(rows).values.tolist() == [1, 0]
    rows = TextRows.of(["3 pieces"] * 2, given=[3, None], settings=TextConfig(facts="given"))
    assert np.isnan(fact_consistency(rows).values).tolist() == [False, True]


def test_the_users_own_words(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[scent]\nwords = [["vanilla"], ["rose", "roses"]]\n', encoding="utf-8-sig"
    )
    settings = TextConfig(attributes=str(tmp_path / "own.toml"), facts="given")
    rows = TextRows.of(["red vanilla", "Roses"], given=["rose", "rose"], settings=settings)
    assert invented_claims(rows).values.tolist() == [1, 0]
    for text in (
        "words",
        "[a]\nwords = 3",
        "a = 3",
        "[a]\nword = []",
        "[a]\nwords = [[]]\n[b]\nwords = [[1]]",
    ):
        (tmp_path / "bad.toml").write_text(text)
        with pytest.raises(UserError, match=r"texts\.attributes"):
            fact_consistency(TextRows.of(["a"], settings=TextConfig(attributes=str(tmp_path / "bad.toml"))))
        (tmp_path / "bad.toml").unlink()
        from evaluation.text.facts import _attributes

        _attributes.cache_clear()


@given(st.text(alphabet="0123456789.,- redmugs", max_size=40))
def test_every_text_is_consistent_with_itself(text):
    table = {"red": "red", "mug": "mug"}
    assert claims(text, table) <= claims(f"facts: {text} .", table)


def test_huge_texts_end(huge: TextRows) -> None:
    assert np.isfinite(invented_claims(huge).values).all()
