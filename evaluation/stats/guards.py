"""When an interval may not be trusted, however narrow it is.

A bootstrap of rows in which nothing varies has width zero: with one differing row in 50 a gate without
these guards passes a model at the tolerance in 60 of 100 runs instead of 5.
"""

import numpy as np

from evaluation.metrics.base import (
    Cells,
    GroupRates,
    Mask,
    Mean,
    Metric,
    Need,
    Proportion,
    Quantile,
    Rate,
    Sample,
    Sums,
    count_units,
    membership,
)

MIN_PER_CLASS = 10
MIN_DIFFERING = 10


def too_few(metric: Metric, sample: Sample, min_rows: int) -> str | None:
    """What is too few in one model's sample, or None; where rows come in units, units are counted."""
    if isinstance(metric.design, Quantile):
        return None
    units = count_units(sample)
    if units < min_rows:
        return f"{units:,} {_noun(sample)}, at least {min_rows:,} are needed"
    if Need.TWO_CLASSES in metric.needs and (problem := _classes(sample) or _ranks_nothing(metric, sample)):
        return problem
    if isinstance(metric.design, Proportion):
        base = count_units(sample, metric.design.counts(sample)[1])
        if base < MIN_PER_CLASS:
            return f"{base} {_noun(sample)} count, at least {MIN_PER_CLASS} are needed"
    if isinstance(metric.design, GroupRates):
        return _groups(metric.design, sample, min_rows)
    return None


def _noun(sample: Sample) -> str:
    return "rows" if sample.units is None else "units"


def _classes(sample: Sample) -> str | None:
    rows = [count_units(sample, sample.target == code) for code in np.unique(sample.target)]
    if len(rows) < 2:
        return "one class only"
    if min(rows) >= MIN_PER_CLASS:
        return None
    return f"{min(rows)} {_noun(sample)} of the rarest class, at least {MIN_PER_CLASS} are needed"


def _ranks_nothing(metric: Metric, sample: Sample) -> str | None:
    if Need.SCORES not in metric.needs or sample.score is None or np.ptp(sample.score) > 0:
        return None
    return f"all {sample.n:,} rows have the same score, which ranks nothing"


def _groups(design: GroupRates, sample: Sample, min_rows: int) -> str | None:
    member = membership(sample)
    noun = _noun(sample)
    least = [(noun, member, min_rows)]
    for rate in design.rates(sample):
        base = rate.counts(sample)[1]
        least.append((f"{noun} for the {rate.name}", base[:, None] & member, MIN_PER_CLASS))
    for what, mask, needed in least:
        found = [count_units(sample, column) for column in mask.T]
        small = [f"{name} ({n:,})" for name, n in zip(sample.group_names, found, strict=True) if n < needed]
        if small:
            return f"too few {what} in group {', '.join(small)}: at least {needed:,} are needed"
    return None


def too_alike(metric: Metric, challenger: Sample, champion: Sample) -> str | None:
    """Why resampling rows, or their spread, can't tell two models apart, or None."""
    n, noun = count_units(challenger), _noun(challenger)
    differing = count_units(challenger, differing_rows(metric, challenger, champion))
    if differing >= MIN_DIFFERING:
        return None
    # The same texts from other sources, or at another price, are not the same to every metric.
    if differing == 0 and _identical(challenger, champion):
        return (
            f"challenger and champion gave identical answers on all {n:,} {noun}, as the same model released "
            "again would; rows on which nothing differs bound no difference of this metric"
        )
    return (
        f"challenger and champion differ on {differing} of the {n:,} {noun} in what this metric counts, at "
        f"least {MIN_DIFFERING} are needed"
    )


def differing_rows(metric: Metric, challenger: Sample, champion: Sample) -> Mask:
    """Rows on which the two models differ in what the metric counts, (n,)."""
    if isinstance(metric.design, Mean):
        return np.not_equal(metric.design.values(challenger), metric.design.values(champion))
    if isinstance(metric.design, Proportion):
        return _differ(metric.design, metric.design, challenger, champion)
    if isinstance(metric.design, GroupRates):
        rates = zip(metric.design.rates(challenger), metric.design.rates(champion), strict=True)
        return np.asarray(
            np.any([_differ(*pair, challenger, champion) for pair in rates], axis=0), dtype=np.bool_
        )
    if isinstance(metric.design, Cells):
        return np.not_equal(metric.design.codes(challenger)[0], metric.design.codes(champion)[0])
    if isinstance(metric.design, Sums):
        columns = (metric.design.columns(sample) for sample in (challenger, champion))
        return np.asarray(np.not_equal(*columns).any(axis=1), dtype=np.bool_)
    differs: Mask = np.not_equal(challenger.label, champion.label)
    if Need.SCORES in metric.needs and challenger.score is not None and champion.score is not None:
        differs = np.not_equal(challenger.score, champion.score)
    return differs


def _differ(mine: Rate, theirs: Rate, challenger: Sample, champion: Sample) -> Mask:
    differs: Mask = np.zeros(challenger.n, dtype=np.bool_)
    for here, there in zip(mine.counts(challenger), theirs.counts(champion), strict=True):
        differs |= np.not_equal(here, there)
    return differs


def _identical(challenger: Sample, champion: Sample) -> bool:
    if not np.array_equal(challenger.label, champion.label):
        return False
    if challenger.score is None or champion.score is None:
        return challenger.score is champion.score
    return np.array_equal(challenger.score, champion.score)
