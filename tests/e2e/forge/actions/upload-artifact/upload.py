"""Keeps files as an artifact, by the rules of actions/upload-artifact that a workflow can trip over.

A name is taken once unless it is to be overwritten; files whose name or folder starts with a dot stay out, so do empty
folders; paths inside the artifact start at the deepest folder that all given paths share.
"""

import os
import sys
import zipfile
from pathlib import Path


def main() -> None:
    """Read what the action was given, write one zip."""
    roots = [Path(line.strip()) for line in os.environ["PATHS"].splitlines() if line.strip()]
    files = sorted({file for root in roots for file in found(root)})
    if not files:
        sys.stdout.write(
            f"::{'error' if os.environ['IF_NONE'] == 'error' else 'warning'}::no files at {roots}\n"
        )
        sys.exit(1 if os.environ["IF_NONE"] == "error" else 0)
    place = Path(os.environ["FORGE_ARTIFACTS"]) / f"{os.environ['NAME']}.zip"
    if place.exists() and os.environ["OVERWRITE"] != "true":
        sys.exit(f"an artifact with this name already exists: {place.name}")
    base = (
        roots[0]
        if len(roots) == 1 and roots[0].is_dir()
        else Path(os.path.commonpath([file.parent for file in files]))
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(base))
    sys.stdout.write(f"{place.name}: {len(files)} files, {place.stat().st_size} bytes\n")


def found(root: Path) -> list[Path]:
    """The files at or below a path, without hidden ones."""
    if root.is_file():
        return [root]
    inside = (file for file in root.rglob("*") if file.is_file())
    return [file for file in inside if not any(part.startswith(".") for part in file.relative_to(root).parts)]


if __name__ == "__main__":
    main()
