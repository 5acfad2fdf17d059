"""Both examples are whole: their files, their page on provenance, their policy, their training function."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
import skops.io
from sklearn.metrics import roc_auc_score

from evaluation.types import Verdict
from mlops.config import FILE_NAME, Policy, load_policy
from mlops.data.load import Dataset, load
from mlops.data.table import fingerprint
from mlops.data.validate import validate

Folder = Callable[[str], Path]
Module = Callable[[str, str], ModuleType]

LISTED = re.compile(r"^\| `(data/\S+\.parquet)` \| ([\d,]+) \| (\d+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)
MODULES = {
    "train": {"pandas", "sklearn"},
    "make_data": {"hashlib", "importlib", "io", "pandas", "pathlib", "polars", "sys"},
}
pytestmark = pytest.mark.parametrize("name", ["lending", "flights"])


@cache
def opened(folder: Path) -> tuple[Policy, Dataset]:
    policy = load_policy(folder / FILE_NAME)
    return policy, load(folder, policy.data)


@pytest.fixture
def fit(folder: Folder, module: Module, name: str) -> Callable[[], Any]:
    """Train as the policy says."""
    policy, dataset = opened(folder(name))
    features = dataset.train.select(dataset.features).to_pandas()
    target = dataset.train[policy.data.target].to_pandas()
    train = module(name, "train").train
    return lambda: train(features, target, seed=policy.train.seed, **policy.train.params)


def test_the_page_lists_every_file_as_it_is(folder: Folder, name: str) -> None:
    home = folder(name)
    listed = {path: rest for path, *rest in LISTED.findall((home / "DATA.md").read_text())}

    assert set(listed) == {path.relative_to(home).as_posix() for path in home.rglob("*.parquet")}
    for path, (rows, columns, sha256) in listed.items():
        found = fingerprint(home / path)
        assert (f"{found.rows:,}", str(found.columns), found.sha256) == (rows, columns, sha256)


@pytest.mark.parametrize("said", ["**Source**", "**Licence**", "**Changes**", "CC", "python make_data.py"])
def test_the_page_names_origin_and_licence(folder: Folder, name: str, said: str) -> None:
    assert said in (folder(name) / "DATA.md").read_text()


def test_the_page_explains_every_column(folder: Folder, name: str) -> None:
    table = (folder(name) / "DATA.md").read_text().split("\n## Columns\n")[1].split("\n## ")[0]
    explained = {
        word
        for cell in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)
        for word in re.findall(r"`(\w+)`", cell)
    }

    for column in opened(folder(name))[1].train.columns:
        month = re.fullmatch(r"(status|bill|paid)_(\w{3})", column)
        assert (f"{month[1]}_sep" if month else column) in explained


def test_the_data_are_small(folder: Folder, name: str) -> None:
    assert sum(path.stat().st_size for path in folder(name).rglob("*.parquet")) < 3_000_000


def test_a_user_could_have_written_it(folder: Folder, name: str) -> None:
    """No file of an example imports the product, nor anything but the libraries named here."""
    for script, allowed in MODULES.items():
        tree = ast.parse((folder(name) / f"{script}.py").read_text())
        found = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        assert found <= allowed


def test_types_suit_signatures_and_json(folder: Folder, name: str) -> None:
    _, dataset = opened(folder(name))

    kinds = {dataset.train.schema[feature] for feature in dataset.features}
    assert kinds <= {pl.Int64(), pl.Float64(), pl.String()}
    assert dataset.train.select(dataset.features).null_count().sum_horizontal().item() == 0


def test_the_data_pass_validation(folder: Folder, name: str) -> None:
    policy, dataset = opened(folder(name))
    suite = folder(name) / (policy.data.expectations or "")

    found = validate(dataset, task=policy.task, data=policy.data, expectations=suite)

    assert [check.message for check in found.checks if check.verdict is not Verdict.PASS] == []
    assert len(found.checks) > 15


def test_train_and_holdout_share_no_row(folder: Folder, name: str) -> None:
    policy, dataset = opened(folder(name))
    identity = policy.data.ignore[0]

    both = pl.concat([dataset.train[identity], dataset.evaluate[identity]])
    assert both.is_unique().all()
    assert dataset.evaluate.height / both.len() == pytest.approx(0.3, abs=0.01)


def test_training_is_deterministic_and_clears_its_bound(
    folder: Folder, fit: Callable[[], Any], name: str
) -> None:
    policy, dataset = opened(folder(name))
    features = dataset.evaluate.select(dataset.features).to_pandas()

    scores, again = (fit().predict_proba(features)[:, 1] for _ in range(2))

    bound = policy.gate.checks[0]
    assert bound.metric == "roc_auc"
    assert bound.at_least is not None
    assert roc_auc_score(dataset.evaluate[policy.data.target], scores) > bound.at_least + 0.02
    assert np.array_equal(scores, again)


def test_the_model_serves_strange_rows_and_is_saved_without_pickle(
    folder: Folder, fit: Callable[[], Any], name: str
) -> None:
    _, dataset = opened(folder(name))
    row, model = dataset.evaluate.select(dataset.features).head(1), fit()

    texts = row.select(cs.string()).columns
    strange = row.with_columns(pl.lit("never seen").alias(column) for column in texts)
    assert texts
    assert 0 < model.predict_proba(strange.to_pandas())[0, 1] < 1

    unknown = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    assert all(found.startswith(("sklearn.", "numpy.")) for found in unknown)
