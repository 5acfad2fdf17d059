"""Step 2: the user's training function."""

from dataclasses import asdict

from mlops.release.run import Fraction, Release, StepDone
from mlops.training.lineage import Commit
from mlops.training.run import train


def perform(release: Release, advance: Fraction) -> StepDone:
    """Train, log to MLflow with lineage, keep the model's files in the release folder."""
    project = release.project
    project.mlflow()
    advance(0.1)
    trained = train(
        project.dataset,
        policy=project.policy,
        project_dir=project.folder,
        commit=Commit(**release.journal.commit),
        release_id=release.id,
        model_dir=release.folder / "model",
    )
    flavours = [
        line for line in (release.folder / "model" / "requirements.txt").read_text().split() if "==" in line
    ]
    summary = f"model {trained.model_digest[:12]}, seed {project.policy.train.seed}, {len(flavours)} pinned packages"
    return StepDone(asdict(trained), summary)
