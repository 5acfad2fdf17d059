"""Samples that every metric of a kind can be taken on, and policies to judge them by."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluation.config import GateConfig
from evaluation.metrics.base import Metric, Need, Sample
from evaluation.types import Task

MakeSample = Callable[..., Sample]


@pytest.fixture
def make_sample() -> MakeSample:
    """A sample that the metric is defined on, with ties in its scores, from a seed."""

    def make(metric: Metric, n: int = 300, seed: int = 1) -> Sample:
        random = np.random.default_rng(seed)
        if Need.LATENCY in metric.needs:
            return Sample.of_latency(random.gamma(3.0, 2.0, n).round(1))
        names = ("age=old", "age=young", "age=(missing)")
        if Task.REGRESSION in metric.tasks:
            target = random.normal(50.0, 9.0, n)
            sample = Sample(target, target + random.normal(0.0, 4.0, n))
            if Need.GROUPS not in metric.needs:
                return sample
            return replace(sample, groups=random.integers(0, 3, n), group_names=names)
        classes = 2 if Task.BINARY in metric.tasks else 4
        target = random.integers(0, classes, n)
        label = np.where(random.random(n) < 0.7, target, random.integers(0, classes, n))
        score = (0.6 * label + 0.4 * random.random(n)).round(2) if classes == 2 else None
        if Need.GROUPS not in metric.needs:
            return Sample(target, label, score)
        return Sample(target, label, score, random.integers(0, 3, n), names)

    return make


@pytest.fixture
def make_gate() -> Callable[..., GateConfig]:
    """A gate of these checks, with few resamples so that tests are quick."""

    def make(*checks: dict[str, Any], **settings: Any) -> GateConfig:
        return GateConfig.model_validate({"resamples": 200, "checks": checks, **settings})

    return make


@pytest.fixture
def allowance_json() -> dict[str, Any]:
    """What a record holds of an allowance that spends all of 5 % on one candidate."""
    return {
        "alpha": 0.05,
        "level": 0.05,
        "candidate": 1,
        "candidates": 1,
        "looks": [],
        "planned_rows": None,
        "overlap": 0.0,
        "problem": None,
    }
