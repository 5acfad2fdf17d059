"""Each project has its own store, also when one process works on several."""

import os
import shutil
from pathlib import Path

import pytest

from mlops.mlflow_store import quiet_mlflow, tracking_uri
from mlops.project import Project
from mlops.registry.client import Alias

POLICY = """
model: small
data: {train: t.parquet, evaluate: h.parquet, target: y}
train: train:train
gate: {checks: [{metric: accuracy, at_least: 0.5}]}
"""


@pytest.fixture
def projects(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> list[Project]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("WEIGHBRIDGE_HOME", raising=False)
    made = []
    for name in ("first", "second"):
        folder = tmp_path / name
        (folder / ".weighbridge").mkdir(parents=True)
        shutil.copyfile(empty_store, folder / ".weighbridge" / "mlflow.db")
        (folder / "weighbridge.yaml").write_text(POLICY)
        made.append(Project.open(folder))
    return made


def test_two_projects_in_one_process_do_not_share_a_store(projects: list[Project]) -> None:
    first, second = (project.registry for project in projects)
    mlflow = quiet_mlflow()
    run = mlflow.MlflowClient(f"sqlite:///{projects[0].home / 'mlflow.db'}").create_run("1")
    first.register(source=f"runs:/{run.info.run_id}/model", run_id=run.info.run_id, description="", tags={})
    first.set_alias(Alias.CHAMPION, "1")
    assert [found.version for found in first.versions()] == ["1"]
    assert second.versions() == []
    assert second.by_alias(Alias.CHAMPION) is None


def test_the_users_choice_of_a_store_is_left_alone(
    projects: list[Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    projects[0].mlflow()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert tracking_uri(projects[1].home) == f"sqlite:///{projects[1].home / 'mlflow.db'}"
    chosen = f"sqlite:///{projects[1].home / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chosen)
    projects[0].mlflow()
    assert os.environ["MLFLOW_TRACKING_URI"] == chosen
    assert tracking_uri(tmp_path) == chosen
