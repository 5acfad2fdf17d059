"""The rows that candidates are made from, and the cases that they are asked about."""

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from evaluation.columns import unit_codes
from evaluation.errors import UserError
from evaluation.types import IntArray, Verdict
from mlops.compare.candidates import require_compare
from mlops.config import FILE_NAME
from mlops.data.load import require_columns
from mlops.data.repeats import check_overlap
from mlops.data.table import DataFingerprint, Table
from mlops.project import Project


@dataclass(frozen=True, eq=False)
class Cases:
    """`made_from`: the rows with target that a model is built on; `asked`: those it is then asked about, whole.

    source: the file that the cases are from, and `path` its name in the policy.
    """

    made_from: pl.DataFrame
    asked: pl.DataFrame
    path: str
    source: DataFingerprint


def cases(project: Project) -> Cases:
    """The cases that the policy names.

    A model that is trained is asked about rows of data.train that it was not trained on: a share of them is held
    back, by whole units where the gate counts units.

    Raises UserError for the gate's holdout or a table that shares rows with it: who chooses on the rows that the gate
    then weighs on spends the error that the gate states. And for cases that a model would be trained on.
    """
    policy, dataset = project.policy, project.dataset
    settings = require_compare(policy)
    path = settings.on or policy.data.train
    table = dataset.training if settings.on is None else Table.open(project.folder / path)
    require_columns(table.schema, [policy.data.target, *dataset.features], path=path, key="compare.on")
    _require_apart(project, table, path)
    train = dataset.training.columns([*dataset.features, policy.data.target])
    same = table.fingerprint.sha256 == dataset.train_fingerprint.sha256
    places = np.arange(table.rows)
    if policy.train is not None and same:
        held = _held_back(project, dataset.training, settings.held_back)
        train, places = train.filter(~pl.Series(held)), np.flatnonzero(held)
    elif policy.train is not None:
        _require_unseen(project, table, path)
    places = _drawn(places, settings.cases, policy.training.seed)
    return Cases(train, table.columns(list(table.schema))[places], path, table.fingerprint)


def _require_apart(project: Project, table: Table, path: str) -> None:
    """Refuse what the gate weighs on."""
    dataset, data = project.dataset, project.policy.data
    if table.fingerprint.sha256 == dataset.evaluate_fingerprint.sha256:
        found = f"{path} is the holdout of the gate, {data.evaluate}"
    else:
        overlap = check_overlap(replace(dataset, training=table), data)
        if overlap.verdict is Verdict.PASS:
            return
        found = f"{path} beside the holdout {data.evaluate}: {overlap.message.replace('train', path)}"
    raise UserError(
        found,
        expected="cases that the gate does not weigh on: choosing on its rows would spend the error that it states",
        next_step=f"remove these rows from {path}"
        if path == data.train
        else f"set compare.on in {FILE_NAME} to other cases, such as {data.train}",
    )


def _require_unseen(project: Project, table: Table, path: str) -> None:
    """Refuse cases that the candidates are trained on."""
    overlap = check_overlap(replace(project.dataset, holdout=table), project.policy.data)
    if overlap.verdict is not Verdict.PASS:
        raise UserError(
            f"{path} beside data.train: {overlap.message.replace('holdout', path)}",
            expected="cases that the candidates are not trained on",
            next_step=f"remove compare.on from {FILE_NAME}: a share of data.train is then held back",
        )


def _held_back(project: Project, table: Table, share: float) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which rows a model is not trained on, (n,): whole units, drawn by the seed."""
    unit = project.policy.gate.unit
    units = np.arange(table.rows) if unit is None else unit_codes(table.columns([unit]), unit)
    count = int(units.max()) + 1 if len(units) else 0
    kept = min(max(1, math.ceil(share * count)), max(0, count - 1))
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(project.policy.training.seed)))
    return np.isin(units, random.choice(count, kept, replace=False))


def _drawn(places: IntArray, most: int | None, seed: int) -> IntArray:
    """At most so many places, drawn without repeats, in order."""
    if most is None or len(places) <= most:
        return places
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return np.sort(random.choice(places, most, replace=False))
