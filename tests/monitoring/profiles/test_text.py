"""Texts as numbers: no false alarm without drift, an alarm with one, whatever it is about."""

import numpy as np
import polars as pl
import pytest

from monitoring.profiles.compare import compare_numbers
from monitoring.profiles.text import is_text, measure_texts

_KITCHEN = ("red", "blue", "mug", "plate", "bowl", "set", "large", "small", "spotted", "tea", "cake", "glass")
_OFFICE = ("contract", "tax", "court", "clause", "payment", "party", "law", "breach", "notice", "term")


def texts(words, n, seed, length=(3, 8)):
    rng = np.random.default_rng(seed)
    return pl.Series([" ".join(rng.choice(words, rng.integers(*length))) for _ in range(n)])


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (texts(_KITCHEN, 200, 0), True),
        (pl.Series(["red", "blue"] * 50), False),
        (pl.Series([f"id-{number}" for number in range(99)]), False),
        (pl.Series(["three words here"] * 99), False),
        (pl.Series([1.0, 2.0]), False),
        (pl.Series([None, None], dtype=pl.String), False),
        (pl.Series([], dtype=pl.String), False),
    ],
)
def test_texts_are_told_from_categories_and_ids(series, expected) -> None:
    assert is_text(series) is expected


def test_without_drift_alarms_keep_to_their_error(monkeypatch) -> None:
    monkeypatch.setattr("monitoring.profiles.text.find_spec", lambda _: None)
    reference = texts(_KITCHEN + _OFFICE, 400, 1)
    alarms = 0
    for seed in range(200):
        window = texts(_KITCHEN + _OFFICE, 200, 100 + seed)
        found = measure_texts(reference.sample(400, seed=seed, with_replacement=True), window)
        for name in ("length", "new words"):
            alarms += compare_numbers(found[name].reference, found[name].current, error=0.05).low > 0
    assert alarms / 400 <= 0.05


@pytest.mark.parametrize(
    ("window", "moved"),
    [
        (texts(_OFFICE, 200, 2), {"new words", "meaning"}),
        (texts(_KITCHEN, 200, 2, (12, 20)), {"length"}),
        (pl.Series([None] * 200, dtype=pl.String), {"length", "new words", "meaning"}),
        (pl.Series(["", "  "] * 100), {"length"}),
    ],
    ids=["another topic", "longer", "missing", "blank"],
)
def test_what_moved_is_told(window, moved) -> None:
    found = measure_texts(texts(_KITCHEN, 400, 1), window)
    assert set(found) == {"length", "new words", "meaning"}
    low = {
        name: compare_numbers(each.reference, each.current, error=0.001).low for name, each in found.items()
    }
    assert moved <= {name for name, distance in low.items() if distance > 0.1}


def test_new_words_are_counted_as_they_should() -> None:
    known = pl.Series(["one two three"] * 10)
    found = measure_texts(known, pl.Series(["One, two!", "four five", "one four", None, "..."]))
    np.testing.assert_array_equal(found["new words"].current, [0.0, 1.0, 0.5, np.nan, 0.0])
    np.testing.assert_array_equal(found["length"].current, [2.0, 2.0, 2.0, np.nan, 0.0])
    assert (len(found["length"].reference), len(found["new words"].reference)) == (10, 5)
    assert found["new words"].reference.max() == 0.0


def test_without_the_package_of_the_model_the_rest_is_compared(monkeypatch) -> None:
    from evaluation import carried
    from evaluation.embeddings.base import embedder

    def missing(name: str) -> None:
        raise carried.PackageNotFoundError(name)

    monkeypatch.setattr(carried, "distribution", missing)
    embedder.cache_clear()
    assert set(measure_texts(texts(_KITCHEN, 40, 1), texts(_KITCHEN, 40, 2))) == {"length", "new words"}
