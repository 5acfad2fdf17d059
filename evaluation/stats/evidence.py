"""What lies behind an estimate: rows that count, rates by group, rows on which two models differ."""

from typing import Any

import numpy as np

from evaluation.metrics.base import GroupRates, Metric, Need, Proportion, Sample, groups_of
from evaluation.stats.guards import differing_rows
from evaluation.stats.statistic import group_values


def evidence(metric: Metric, challenger: Sample, champion: Sample | None) -> dict[str, Any]:
    """Plain JSON values: `counted_rows`, `groups`, `champion_groups`, `differing_rows`, each where it applies."""
    if challenger.n == 0 or Need.LATENCY in metric.needs:
        return {}
    found: dict[str, Any] = {}
    design = metric.design
    if isinstance(design, Proportion):
        found["counted_rows"] = int(design.counts(challenger)[1].sum())
    if isinstance(design, GroupRates) and challenger.groups is not None:
        found["groups"] = _by_group(metric, design, challenger)
        if champion is not None:
            found["champion_groups"] = _by_group(metric, design, champion)
    if champion is not None:
        found["differing_rows"] = int(differing_rows(metric, challenger, champion).sum())
    return found


def _by_group(metric: Metric, design: GroupRates, sample: Sample) -> list[dict[str, Any]]:
    rates = group_values(metric, design, sample)
    rows = np.bincount(groups_of(sample), minlength=len(sample.group_names))
    return [
        {
            "group": name,
            "n": int(rows[group]),
            "rates": {
                rate.name: None if np.isnan(value) else float(value)
                for rate, value in zip(design.rates(sample), rates[:, group], strict=True)
            },
        }
        for group, name in enumerate(sample.group_names)
    ]
