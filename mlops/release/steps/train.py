"""Step 2: the user's training function."""

from dataclasses import asdict

from evaluation.files import write_whole
from mlops.packaging.bundle import RANGES
from mlops.packaging.ranges import Ranges
from mlops.release.run import Fraction, Release, StepDone
from mlops.training.lineage import Commit
from mlops.training.run import train


def perform(release: Release, advance: Fraction) -> StepDone:
    """Train, log to MLflow with lineage, keep the model's files and what it saw in the release folder."""
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
    table = project.dataset.training
    # Column by column: the table may be larger than what is free beside the model.
    seen = Ranges.of(
        (table.columns([name])[name] for name in project.dataset.features), salt=table.fingerprint.sha256
    )
    write_whole(release.folder / RANGES, seen.to_json())
    flavours = [
        line for line in (release.folder / "model" / "requirements.txt").read_text().split() if "==" in line
    ]
    summary = f"model {trained.model_digest[:12]}, seed {project.policy.training.seed}, {len(flavours)} pinned packages"
    return StepDone(asdict(trained), summary)
