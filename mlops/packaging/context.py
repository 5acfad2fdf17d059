"""What a Docker build gets to see, and nothing else."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from evaluation.errors import UserError
from mlops.decision.record import FILE_NAME as DECISION
from mlops.decision.record import DecisionRecord
from mlops.decision.trust import trust
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import read_mlmodel
from mlops.packaging.wheel import write_wheel

# What a wheel takes from the system and a slim base lacks.
_SYSTEM_PACKAGES = {"lightgbm": "libgomp1", "xllamacpp": "libgomp1"}
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([\w.!+-]+)")


def dockerfile(kind: str) -> Path:
    """The Dockerfile of `serve` or `train`, inside the installed package or in the checkout."""
    return _shipped("docker", f"{kind}.Dockerfile")


def prepare_serving(context: Path, bundle: Bundle, wheel: Path | None) -> dict[str, str]:
    """Fill a folder for docker/serve.Dockerfile and return the build arguments.

    Raises UserError for a bundle that was changed, or pins of the model that contradict those of the server.
    """
    _copy_readable(bundle.path, context / "bundle")
    copied = Bundle.open(context / "bundle")
    _put_code(context, "serve", wheel)
    _require_agreement(copied.requirements, context / "requirements.txt")
    _put_carried(copied.model_dir, context / "carried.txt")
    record = DecisionRecord.read(copied.path / DECISION)
    return {
        "REVISION": str(record.content["release"].get("commit") or ""),
        "MODEL": copied.model,
        "MODEL_VERSION": copied.version,
        "RELEASE": copied.release_id,
        "MODEL_DIGEST": copied.model_digest,
        "DECISION_DIGEST": copied.decision_digest,
        "TRUSTED_KEYS": trust().text,
        "SYSTEM_PACKAGES": _system_packages(copied.requirements),
    }


def prepare_training(context: Path, requirements: Path | None, wheel: Path | None) -> dict[str, str]:
    """Fill a folder for docker/train.Dockerfile and return the build arguments.

    Raises UserError when `requirements` is not there or contradicts what Weighbridge itself needs.
    """
    named = context / "project-requirements.txt"
    try:
        named.write_bytes(requirements.read_bytes() if requirements else b"")
    except OSError as error:
        raise UserError(
            f"{requirements} cannot be read: {error.strerror}", expected="a requirements file"
        ) from None
    _put_code(context, "train", wheel)
    _require_agreement(named, context / "requirements.txt")
    return {"SYSTEM_PACKAGES": _system_packages(named)}


def _shipped(folder: str, name: str) -> Path:
    package = Path(__file__).parents[1]
    packed = package / "docker_files" / name
    return packed if packed.is_file() else package.parent / folder / name


def _copy_readable(source: Path, target: Path) -> None:
    """Copy a folder so that any user of the container may read it and none but root may write."""
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _put_code(context: Path, kind: str, wheel: Path | None) -> None:
    if wheel is None:
        write_wheel(context)
    elif wheel.is_file() and wheel.name.startswith("weighbridge-") and wheel.suffix == ".whl":
        shutil.copy(wheel, context)
    else:
        raise UserError(
            f"{wheel} is no wheel of weighbridge", expected="weighbridge-VERSION-py3-none-any.whl"
        )
    shutil.copy(_shipped("requirements", f"{kind}.txt"), context / "requirements.txt")


def _put_carried(model_dir: Path, path: Path) -> None:
    """Name the packages of which the model only reads files, such as weights; the digest of the model covers them.

    Raises UserError for one that is not pinned.
    """
    named = [str(each) for each in (read_mlmodel(model_dir).get("metadata") or {}).get("carried", ())]
    if loose := [each for each in named if not _PIN.fullmatch(each)]:
        raise UserError(
            f"the model reads files of {loose[0]!r}",
            expected="NAME==VERSION",
            next_step="weighbridge release --new",
        )
    path.write_text("".join(f"{each}\n" for each in named), encoding="utf-8")


def _pins(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _PIN.match(line.strip()):
            yield re.sub(r"[-_.]+", "-", match[1]).lower(), match[2]


def _require_agreement(wanted: Path, locked: Path) -> None:
    """Raise UserError where requirements pin another version than the image has; pip takes minutes."""
    lock: dict[str, set[str]] = {}
    for name, version in _pins(locked):
        lock.setdefault(name, set()).add(version)
    contradictions = [
        (f"{name}=={version}", f"{name}=={' or '.join(sorted(lock[name]))}")
        for name, version in _pins(wanted)
        if version not in lock.get(name, {version})
    ]
    if contradictions:
        raise UserError(
            f"{wanted.name} asks for {_listed(pin for pin, _ in contradictions)}",
            expected=f"what the image is tested with: {_listed(pin for _, pin in contradictions)}",
            next_step="install these versions, then train again: weighbridge release --new",
        )


def _listed(pins: Iterable[str]) -> str:
    return ", ".join(pins)


def _system_packages(requirements: Path) -> str:
    named = dict(_pins(requirements))
    return " ".join(package for name, package in _SYSTEM_PACKAGES.items() if name in named)
