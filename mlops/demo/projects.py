"""A demo's projects: copies of the examples, each a git repository of its own."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from evaluation.errors import UserError
from mlops.project import Project

_MARK = ".weighbridge-demo"
_GIT = (
    "git",
    "-c",
    "user.name=Weighbridge demo",
    "-c",
    "user.email=demo@weighbridge.invalid",
    "-c",
    "commit.gpgsign=false",
)


def examples_dir() -> Path:
    """Where the examples lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples", package.parent / "examples"):
        if (place / "lending" / "weighbridge.yaml").exists():
            return place
    raise UserError(
        "the examples are not installed",
        expected="a wheel of weighbridge or a checkout",
        next_step="install it again",
    )


def prepare(folder: Path, names: Sequence[str]) -> list[Project]:
    """Copy these examples into a folder that is empty or holds an earlier demo; ports are free ones."""
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise UserError(
            f"{folder} is not empty and holds no earlier demo",
            expected="an empty or new folder",
            next_step="weighbridge demo --dir another-folder",
        )
    for policy in folder.glob("*/weighbridge.yaml"):
        Project.open(policy.parent).rollout().stop()
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / _MARK).touch()
    return [_copy(name, folder) for name in names]


def make_lending_biased(folder: Path) -> None:
    """Commit the one-line change that the lending example describes: labels taken before they had all come."""
    policy = folder / "weighbridge.yaml"
    text = policy.read_text()
    changed = text.replace("train: data/train.parquet", "train: data/train-early.parquet")
    if changed == text:
        raise UserError(
            f"{policy} does not hold the line that the demo changes", expected="the example as shipped"
        )
    policy.write_text(changed)
    _commit(folder, "Train on this week's label export")


def make_prompt_careless(folder: Path) -> None:
    """Commit the prompt that the shop-copy example keeps beside the good one: it leaves all to the model."""
    policy = folder / "weighbridge.yaml"
    text = policy.read_text()
    changed = text.replace(
        "  prompt: prompts/facts.txt\n  system: prompts/facts-system.txt\n",
        "  prompt: prompts/plain.txt\n",
        1,
    )
    if changed == text:
        raise UserError(
            f"{policy} does not hold the lines that the demo changes", expected="the example as shipped"
        )
    policy.write_text(changed)
    _commit(folder, "A shorter prompt")


def _copy(name: str, folder: Path) -> Project:
    place = folder / name
    shutil.copytree(
        examples_dir() / name, place, ignore=shutil.ignore_patterns("__pycache__", ".weighbridge")
    )
    policy = place / "weighbridge.yaml"
    policy.write_text(policy.read_text() + "\n# The demo takes a free port.\nserve: {port: 0}\n")
    _run("init", "--quiet", "--initial-branch=main", folder=place)
    (place / ".gitignore").write_text(".weighbridge/\n__pycache__/\n")
    _commit(place, f"The {name} example")
    return Project.open(place)


def _commit(folder: Path, message: str) -> None:
    _run("add", "--all", folder=folder)
    _run("commit", "--quiet", "--message", message, folder=folder)


def _run(*arguments: str, folder: Path) -> None:
    """Run git; a machine without it gets releases without a commit, which the record says."""
    if shutil.which("git"):
        subprocess.run([*_GIT, "-C", str(folder), *arguments], check=True, capture_output=True)
