"""The user's training function: found, called, and what it raises told in one message."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from evaluation.errors import UserError
from mlops.training.entrypoint import call, entrypoint

GOOD = "def train(features, target, *, seed, depth=3):\n    return ('model', seed, depth)\n"


def run(folder: Path, source: str, name: str = "wb_user:train", **params: object) -> object:
    (folder / "wb_user.py").write_text(source)
    with entrypoint(name, folder) as function:
        return call(function, pd.DataFrame(), pd.Series(dtype=int), seed=7, params=params, project_dir=folder)


def test_the_function_gets_seed_and_params_by_name(tmp_path: Path) -> None:
    assert run(tmp_path, GOOD, depth=5) == ("model", 7, 5)


@pytest.mark.parametrize(
    ("source", "name", "params", "parts"),
    [
        (GOOD, "wb_usr:train", {}, ["no module named 'wb_usr'", "did you mean 'wb_user'?"]),
        (GOOD, "wb_user:trian", {}, ["'wb_user:trian' names no function", "did you mean 'train'?"]),
        ("import nonexistent_thing\n" + GOOD, "wb_user:train", {}, ["'nonexistent_thing', which wb_user imports"]),
        ("def train(", "wb_user:train", {}, ["SyntaxError"]),
        (GOOD, "wb_user:train", {"deph": 1}, ["unexpected keyword argument 'deph'", "train.params"]),
        ("def train(features, target): ...", "wb_user:train", {}, ["cannot be called", "seed"]),
        ("def train(features, target, *, seed):\n    raise ValueError('no money')", "wb_user:train", {},
         ["training raised ValueError at wb_user.py:2: no money"]),
        ("def train(features, target, *, seed): ...", "wb_user:train", {}, ["returned nothing"]),
        ("train = 3", "wb_user:train", {}, ["names no function"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    tmp_path: Path, source: str, name: str, params: dict[str, object], parts: list[str]
) -> None:
    with pytest.raises(UserError) as raised:
        run(tmp_path, source, name, **params)
    for part in parts:
        assert part in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_two_projects_with_modules_of_one_name_follow_each_other(tmp_path: Path) -> None:
    for folder, word in ((tmp_path / "a", "first"), (tmp_path / "b", "second")):
        folder.mkdir()
        assert run(folder, f"def train(features, target, *, seed):\n    return '{word}'\n") == word
    assert "wb_user" not in sys.modules
    assert not any(str(tmp_path) in entry for entry in sys.path)


def test_global_randomness_is_seeded(tmp_path: Path) -> None:
    draw = "    return random.random(), numpy.random.rand()\n"
    source = "import random\nimport numpy\ndef train(features, target, *, seed):\n" + draw
    assert run(tmp_path, source) == run(tmp_path, source)
