"""Models go out as skops with a signature and come back the same, or are refused with the reason."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import Task
from mlops.packaging.load import InputField, LoadedModel, load_model
from mlops.packaging.save import classes_of, log_model, require_estimator, types_to_trust

if TYPE_CHECKING:
    from tests.mlops.conftest import Store


@pytest.fixture
def model_dir(store: "Store") -> Path:
    _, uri = store.train("x")
    return Path(store.mlflow.artifacts.download_artifacts(uri, dst_path=str(store.home / "model")))


def test_a_model_answers_after_the_trip_as_before(
    model_dir: Path, small_model: Callable[[], tuple[pd.DataFrame, Any]]
) -> None:
    features, model = small_model()
    loaded = load_model(model_dir, task=Task.BINARY, threshold=0.5)
    outputs = loaded.predict(pl.from_pandas(features))
    np.testing.assert_allclose(outputs.scores, model.predict_proba(features)[:, 1])
    np.testing.assert_array_equal(outputs.labels, model.predict(features))
    assert loaded.inputs == (InputField("a", "double", True), InputField("c", "string", True))


def test_the_threshold_decides_the_label(model_dir: Path) -> None:
    frame = pl.DataFrame({"a": [0.05], "c": ["x"]})
    score = float(load_model(model_dir, task=Task.BINARY, threshold=0.5).predict(frame).scores[0])
    for threshold, label in ((score, 1), (score - 1e-6, 1), (score + 1e-6, 0)):
        assert load_model(model_dir, task=Task.BINARY, threshold=threshold).predict(frame).labels[0] == label


def test_rows_are_answered_as_tables_are(
    model_dir: Path, small_model: Callable[[], tuple[pd.DataFrame, Any]]
) -> None:
    loaded = load_model(model_dir, task=Task.BINARY, threshold=0.5)
    features = pl.from_pandas(small_model()[0])
    table = loaded.predict(features)
    rows = loaded.predict_rows(features.select([field.name for field in loaded.inputs]).rows())
    assert np.array_equal(rows.scores, table.scores)
    assert np.array_equal(rows.labels, table.labels)


MOMENT = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as the model's table holds it


@pytest.mark.parametrize(
    ("dtype", "values", "kind"),
    [
        ("double", (1.5, 2.0), pl.Float64),
        ("double", (1.5, None), pl.Float64),
        ("float", (1.5, None), pl.Float32),
        ("long", (1, 2**62), pl.Int64),
        ("long", (1, None), pl.Int64),
        ("integer", (1, 2), pl.Int32),
        ("string", ("a", None), pl.String),
        ("boolean", (True, False), pl.Boolean),
        ("boolean", (True, None), pl.Boolean),
        ("datetime", (MOMENT, None), pl.Datetime("us")),
    ],
)
def test_a_column_of_rows_is_what_polars_makes_of_it(dtype: str, values: tuple[Any, ...], kind: Any) -> None:
    """Pandas' own types of what the table at training had, missing values included."""
    asked: list[pd.DataFrame] = []

    def ask(table: pd.DataFrame) -> Any:
        asked.append(table)
        return np.zeros(len(table))

    fields = (InputField("a", dtype, False), InputField("b", "long", True))
    model = LoadedModel(Path(), ask, Task.REGRESSION, 0.5, fields, ())
    model.predict_rows([(value, number) for number, value in enumerate(values)])
    expected = pl.DataFrame({"a": pl.Series(values, dtype=kind), "b": [0, 1]}).to_pandas()
    pd.testing.assert_frame_equal(asked[0], expected)


def test_a_model_says_what_it_needs_in_exact_versions(model_dir: Path) -> None:
    lines = (model_dir / "requirements.txt").read_text().split()
    assert lines
    assert all("==" in line for line in lines)
    assert not list(model_dir.rglob("*.pkl"))


def test_a_pickle_is_refused_before_anything_loads_it(model_dir: Path) -> None:
    described = yaml.safe_load((model_dir / "MLmodel").read_text())
    described["flavors"]["sklearn"]["serialization_format"] = "cloudpickle"
    (model_dir / "MLmodel").write_text(yaml.safe_dump(described))
    with pytest.raises(UserError, match="is cloudpickle, which runs code"):
        load_model(model_dir, task=Task.BINARY, threshold=0.5)


@pytest.mark.parametrize("text", ["", "{}", "[1", "flavors: {python_function: {}}"])
def test_something_else_than_a_model_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(UserError, match="holds no model of scikit-learn's kind"):
        load_model(tmp_path, task=Task.BINARY, threshold=0.5)


def test_a_broken_file_is_told_with_what_to_install(model_dir: Path) -> None:
    (model_dir / "model.skops").write_bytes(b"not a zip")
    with pytest.raises(EnvironmentProblem, match="pip install -r"):
        load_model(model_dir, task=Task.BINARY, threshold=0.5)


@pytest.mark.parametrize("made", [object(), "model", lambda frame: frame])
def test_only_estimators_are_saved(made: object) -> None:
    with pytest.raises(UserError, match="expected: a fitted estimator"):
        require_estimator(made)


def test_a_classifier_without_probabilities_is_refused(store: "Store") -> None:
    from sklearn.svm import LinearSVC

    features = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    model = LinearSVC().fit(features, [0, 0, 1, 1])
    with pytest.raises(UserError, match="no predict_proba"):
        log_model(
            model,
            name="small",
            features=features,
            task=Task.BINARY,
            requirements=[],
            trusted_types=[],
            project_dir=store.home,
        )


def test_a_type_that_nobody_vouched_for_is_named() -> None:
    from hypothesis.errors import Flaky  # any type from outside of scikit-learn, NumPy and SciPy
    from sklearn.preprocessing import FunctionTransformer

    model = FunctionTransformer(kw_args={"error": Flaky})
    with pytest.raises(UserError, match=r"trusted_types: \[hypothesis.errors.Flaky\]"):
        types_to_trust(model, [])
    assert types_to_trust(model, ["hypothesis.errors.Flaky"]) == ["hypothesis.errors.Flaky"]


def test_classes_come_in_the_order_of_the_probabilities() -> None:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier().fit([[0], [0], [0]], np.array(["b", "a", "c"]))
    assert classes_of(model, Task.MULTICLASS) == ["a", "b", "c"]
    assert classes_of(model, Task.REGRESSION) == []


def test_two_models_with_classes_of_one_name_do_not_mix(store: "Store", tmp_path: Path) -> None:
    from mlops.training.entrypoint import entrypoint

    source = (
        "from sklearn.linear_model import LogisticRegression\n\n"
        "class Mine(LogisticRegression):\n    def predict_proba(self, X):\n"
        "        return super().predict_proba(X) * 0 + {share}\n"
    )
    features, target = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]}), [0, 0, 1, 1]
    folders = {}
    for share in (0.25, 0.75):
        project = tmp_path / f"project-{share}"
        project.mkdir()
        (project / "wb_mine.py").write_text(source.format(share=share))
        store.mlflow.set_experiment("small")
        with entrypoint("wb_mine:Mine", project) as make, store.mlflow.start_run():
            uri = log_model(
                make().fit(features, target),
                name="small",
                features=features,
                task=Task.BINARY,
                requirements=[],
                trusted_types=["wb_mine.Mine"],
                project_dir=project,
            )
        place = str(tmp_path / f"model-{share}")
        folders[share] = Path(store.mlflow.artifacts.download_artifacts(uri, dst_path=place))
    models = {share: load_model(folder, task=Task.BINARY, threshold=0.5) for share, folder in folders.items()}
    for share, model in models.items():
        assert model.predict(pl.from_pandas(features)).scores.tolist() == [share] * 4
