"""Puts the stand-in together: this repository's workflow and actions around a `weighbridge` that does no work."""

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def make_product(folder: Path) -> Path:
    """Fill a folder as a runner finds Weighbridge's repository; its uv is the one that runs here, to save time."""
    for name in ("pyproject.toml", "backend.py", "stand_in_weighbridge.py"):
        shutil.copy(HERE / name, folder)
    shutil.copytree(ROOT / ".github", folder / ".github", ignore=shutil.ignore_patterns("node_modules"))
    locks = folder / "requirements"
    locks.mkdir()
    (locks / "all.txt").write_text("")
    wheel = _uv_wheel(locks)
    (locks / "uv.txt").write_text(
        f"uv @ {wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    )
    return folder


def _uv_wheel(folder: Path) -> Path:
    wheel, information = folder / "uv-0-py3-none-any.whl", "uv-0.dist-info"
    files = {
        "uv-0.data/scripts/uv": f'#!/bin/sh\nexec "{Path(sys.prefix) / "bin" / "uv"}" "$@"\n',
        f"{information}/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 0\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{information}/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, content)
    return wheel
