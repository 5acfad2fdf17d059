"""The texts of a project's tables, checked: which columns they are in, and what else an answer is made from."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from evaluation.hygiene.checks import Texts, check_texts
from mlops.config import DataConfig
from mlops.data.checks import DataCheck
from mlops.data.load import Dataset, require_columns

# A column of prose hardly repeats itself and has several words; categories and ids are told apart by that.
_LOOKED_AT = 1000
_LEAST_WORDS = 3
_MOST_REPEATED = 0.5


def check_prose(
    dataset: Dataset, data: DataConfig, shown: Mapping[str, Sequence[str]], corpus: Sequence[str]
) -> Iterator[DataCheck]:
    """Check the texts of both tables; nothing at all where no column holds prose.

    shown: what every answer is given beside its case, by name; corpus: the passages that are looked up.
    Raises UserError for a column of `data.hygiene.columns` that is absent.
    """
    columns = text_columns(dataset, data)
    if not columns:
        return
    texts = Texts(
        train=_texts(dataset.train, columns),
        holdout=_texts(dataset.evaluate, columns),
        target=data.target if data.target in columns else None,
        shown=shown,
        corpus=corpus,
    )
    for found in check_texts(texts, data.hygiene):
        yield DataCheck(found.name, found.verdict, found.message, found.detail)


def text_columns(dataset: Dataset, data: DataConfig) -> tuple[str, ...]:
    """The columns with texts: those that the policy names, else features and target that look like prose."""
    if data.hygiene.columns is not None:
        for table, path in ((dataset.train, data.train), (dataset.evaluate, data.evaluate)):
            require_columns(table.columns, data.hygiene.columns, path=path, key="data.hygiene.columns")
        return data.hygiene.columns
    both = [name for name in (*dataset.features, data.target) if name in dataset.evaluate.columns]
    return tuple(
        name for name in both if _is_prose(dataset.train[name]) and _is_prose(dataset.evaluate[name])
    )


def _is_prose(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    looked_at = column.head(_LOOKED_AT).drop_nulls()
    if not looked_at.len() or looked_at.n_unique() < (1 - _MOST_REPEATED) * looked_at.len():
        return False
    gaps = looked_at.str.strip_chars().str.count_matches(r"\s+").median()
    return isinstance(gaps, float) and gaps + 1 >= _LEAST_WORDS


def _texts(table: pl.DataFrame, columns: Sequence[str]) -> dict[str, list[str]]:
    return {name: table[name].cast(pl.String).fill_null("").to_list() for name in columns}
