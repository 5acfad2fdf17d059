"""Features that tell a sensitive attribute: what a model may learn a group from without being shown it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from evaluation.columns import MISSING, coded, quantile_edges
from evaluation.config import Part, column_of
from evaluation.types import FloatArray, IntArray

# Cramer's V from which a feature is named; Cohen (1988) calls 0.5 a large effect.
STRONG = 0.5
_RANGES = 10
# Standard deviations above what chance alone gives.
_BEYOND_CHANCE = 4.0


def proxies(frame: pl.DataFrame, features: Sequence[str], groups: Iterable[Part]) -> list[dict[str, Any]]:
    """Features that tell which group a row is in, as {feature, group, strength, note}, the strongest first.

    frame: n rows with the features and the sensitive columns. The strength, 0 to 1, is Cramer's V less what
    chance adds to it, so that an id, which tells any group of the rows at hand, is none. Numbers and times are
    taken in ten ranges. Rows in which either is missing are left out. `note` says where the feature is the
    attribute itself or another name for it, and is empty otherwise.

    Source: Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T".

    >>> table = pl.DataFrame({"title": ["Mr", "Ms"] * 60, "sex": ["m", "f"] * 60})
    >>> proxies(table, ["title"], ["sex"])
    [{'feature': 'title', 'group': 'sex', 'strength': 1.0, 'note': 'another name for it'}]
    """
    found = []
    coded_features = [(name, _feature_codes(frame[name])) for name in features]
    for part in dict.fromkeys(groups):
        group = column_of(part)
        codes = _group_codes(frame, part)
        for name, feature in coded_features:
            counts = _crossed(feature, codes)
            strength = _strength(counts)
            if strength >= STRONG:
                note = "the attribute itself" if name == group else _copied(counts)
                found.append({"feature": name, "group": group, "strength": strength, "note": note})
    return sorted(found, key=lambda each: (-each["strength"], each["group"], each["feature"]))


def _group_codes(frame: pl.DataFrame, part: Part) -> IntArray:
    """Codes of the groups, -1 where missing."""
    found = coded(frame, [part])
    if (MISSING,) not in found.values:
        return found.codes
    return np.where(found.codes == found.values.index((MISSING,)), -1, found.codes)


def _feature_codes(series: pl.Series) -> IntArray:
    """Codes of a feature's values or ranges, -1 where missing; all -1 for what has no single values."""
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        return np.full(len(series), -1)
    if series.dtype.is_numeric() or series.dtype.is_temporal():
        numbers = series.to_physical().cast(pl.Float64).fill_nan(None)
        if numbers.n_unique() > _RANGES:
            values = numbers.fill_null(math.nan).to_numpy()
            codes = np.searchsorted(quantile_edges(values, _RANGES), values, side="right")
            return np.where(np.isnan(values), -1, codes)
        return _dense(numbers)
    return _dense(series.cast(pl.String))


def _dense(series: pl.Series) -> IntArray:
    return series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1


def _crossed(feature: IntArray, group: IntArray) -> FloatArray:
    """Rows by (feature value, group), without the missing and without empty rows or columns."""
    known = (feature >= 0) & (group >= 0)
    shape = int(feature.max(initial=0)) + 1, int(group.max(initial=0)) + 1
    counts = np.bincount(feature[known] * shape[1] + group[known], minlength=math.prod(shape)).reshape(shape)
    return counts[counts.any(axis=1)][:, counts.any(axis=0)].astype(np.float64)


def _strength(counts: FloatArray) -> float:
    """Cramer's V without its bias, 0.0 where there is nothing to compare or chance explains it."""
    from scipy.stats.contingency import association

    values, groups = counts.shape
    rows = float(counts.sum())
    if min(values, groups) < 2 or rows < 3:
        return 0.0
    square = float(association(counts.astype(np.int64), method="cramer")) ** 2 * (min(values, groups) - 1)
    freedom = (values - 1) * (groups - 1)
    excess = square - freedom / (rows - 1)
    if excess * rows < _BEYOND_CHANCE * math.sqrt(2 * freedom):
        return 0.0
    least = min(size - 1 - (size - 1) ** 2 / (rows - 1) for size in (values, groups))
    return min(1.0, math.sqrt(excess / least)) if least > 0 else 0.0


def _copied(counts: FloatArray) -> str:
    """Whether every value of the feature stands for one group, and every group for one value."""
    each = int((counts > 0).sum())
    return "another name for it" if each == counts.shape[0] == counts.shape[1] else ""
