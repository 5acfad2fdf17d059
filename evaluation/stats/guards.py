"""When an interval may not be trusted, however narrow it is.

A bootstrap of rows in which nothing varies has width zero: with one differing row in 50 a gate without
these guards passes a model at the tolerance in 60 of 100 runs instead of 5.
"""

import numpy as np

from evaluation.metrics.base import GroupRates, Mask, Metric, Need, Proportion, Quantile, Sample, membership

MIN_PER_CLASS = 10
MIN_DIFFERING = 10


def too_few(metric: Metric, sample: Sample, min_rows: int) -> str | None:
    """What is too few in one model's sample, or None."""
    if isinstance(metric.design, Quantile):
        return None
    if sample.n < min_rows:
        return f"{sample.n:,} rows, at least {min_rows:,} are needed"
    if Need.TWO_CLASSES in metric.needs and (problem := _classes(sample)):
        return problem
    if isinstance(metric.design, Proportion):
        base = int(metric.design.counts(sample)[1].sum())
        return None if base >= MIN_PER_CLASS else f"{base} rows count, at least {MIN_PER_CLASS} are needed"
    if isinstance(metric.design, GroupRates):
        return _groups(metric.design, sample, min_rows)
    return None


def _classes(sample: Sample) -> str | None:
    classes, rows = np.unique(sample.target, return_counts=True)
    if len(classes) < 2:
        return "one class only"
    if rows.min() >= MIN_PER_CLASS:
        return None
    return f"{rows.min()} rows of the rarest class, at least {MIN_PER_CLASS} are needed"


def _groups(design: GroupRates, sample: Sample, min_rows: int) -> str | None:
    member = membership(sample)
    least = [("rows", member, min_rows)]
    for rate in design.rates:
        base = rate.counts(sample)[1]
        least.append((f"rows for the {rate.name}", base[:, None] & member, MIN_PER_CLASS))
    for what, mask, needed in least:
        rows = mask.sum(axis=0)
        small = [f"{name} ({n:,})" for name, n in zip(sample.group_names, rows, strict=True) if n < needed]
        if small:
            return f"too few {what} in group {', '.join(small)}: at least {needed:,} are needed"
    return None


def too_alike(metric: Metric, challenger: Sample, champion: Sample) -> str | None:
    """Why the rows can't tell two models apart, or None; latency is not paired and never too alike."""
    if isinstance(metric.design, Quantile):
        return None
    if _identical(challenger, champion):
        return (
            f"challenger and champion gave identical answers on all {challenger.n:,} rows, as the same model "
            "released again would; rows on which nothing differs bound no difference"
        )
    differing = int(differing_rows(metric, challenger, champion).sum())
    if differing >= MIN_DIFFERING:
        return None
    return (
        f"challenger and champion differ on {differing} of the {challenger.n:,} rows in what this metric "
        f"counts, at least {MIN_DIFFERING} are needed"
    )


def differing_rows(metric: Metric, challenger: Sample, champion: Sample) -> Mask:
    """Rows on which the two models differ in what the metric counts, (n,)."""
    if isinstance(metric.design, Proportion | GroupRates):
        rates = metric.design.rates if isinstance(metric.design, GroupRates) else (metric.design,)
        differs = np.zeros(challenger.n, dtype=np.bool_)
        for rate in rates:
            for mine, theirs in zip(rate.counts(challenger), rate.counts(champion), strict=True):
                differs |= mine != theirs
        return differs
    differs = np.not_equal(challenger.label, champion.label)
    if Need.SCORES in metric.needs and challenger.score is not None and champion.score is not None:
        differs = np.not_equal(challenger.score, champion.score)
    return differs


def _identical(challenger: Sample, champion: Sample) -> bool:
    if not np.array_equal(challenger.label, champion.label):
        return False
    if challenger.score is None or champion.score is None:
        return challenger.score is champion.score
    return np.array_equal(challenger.score, champion.score)
