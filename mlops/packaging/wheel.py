"""The running Weighbridge as a wheel, for an image that serves with the very code that weighed.

From a checkout or an installed distribution alike, without a build backend and without an index.
"""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from evaluation.errors import EnvironmentProblem

_DISTRIBUTION = "weighbridge"
_PACKAGES = ("evaluation", "mlops", "monitoring")
# What an installed Weighbridge carries for people, and no server needs.
_LEFT_OUT = (("mlops", "examples"), ("mlops", "docker_files"))
_WHEEL = "Wheel-Version: 1.0\nGenerator: weighbridge\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# The smallest time a ZIP can hold; one content gives one wheel, so that image layers are found again.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path) -> Path:
    """Write the code of this process as a wheel into a folder; the same code gives the same bytes.

    Raises EnvironmentProblem when Weighbridge runs without having been installed.
    """
    try:
        installed = distribution(_DISTRIBUTION)
    except PackageNotFoundError:
        raise EnvironmentProblem(
            "weighbridge runs from files that were never installed",
            expected="an installed distribution; its metadata goes into the image",
            next_step="pip install --editable .",
        ) from None
    information = f"{_DISTRIBUTION}-{installed.version}.dist-info"
    files = {
        **dict(_code()),
        **dict(_metadata(installed, information)),
        f"{information}/WHEEL": _WHEEL.encode(),
    }
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in sorted(files.items())]
    path = folder / f"{_DISTRIBUTION}-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*sorted(files.items()), (record, "".join([*lines, f"{record},,\n"]).encode())]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def _code() -> Iterator[tuple[str, bytes]]:
    for name in _PACKAGES:
        found = find_spec(name)
        for root in found.submodule_search_locations or () if found else ():
            for path in Path(root).rglob("*"):
                inside = (name, *path.relative_to(root).parts)
                if path.is_file() and "__pycache__" not in inside and inside[:2] not in _LEFT_OUT:
                    yield "/".join(inside), path.read_bytes()


def _metadata(installed: Distribution, information: str) -> Iterator[tuple[str, bytes]]:
    for path in installed.files or ():
        inside = path.parts[1:]
        if path.parts[0].endswith(".dist-info") and (
            inside in {("METADATA",), ("entry_points.txt",)} or inside[0] == "licenses"
        ):
            yield "/".join((information, *inside)), path.read_binary()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
