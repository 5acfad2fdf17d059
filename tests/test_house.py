"""The house itself: locks, start-up, the README's promises."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(ROOT.glob("requirements/*.txt"))
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"))
HEAVY = {
    "apprise", "deltalake", "docker", "evidently", "fairlearn", "fastapi", "great_expectations", "mlflow", "numpy",
    "pandas", "polars", "pyarrow", "rich", "scipy", "sklearn", "skops", "uvicorn",
}  # fmt: skip


def pinned(lock: Path) -> dict[str, str]:
    """Package and version of every pin of a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_have_a_hash_for_every_pin_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.partition("\n")[2])
    for entry in entries:
        if re.match(r"[a-z0-9._-]+==", entry):
            assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert not re.search(r"https?://|--index-url|--find-links", text)


@pytest.mark.parametrize(("package", "below"), [("pandas", (3,)), ("langchain-community", (0, 4, 2))])
def test_pins_that_others_need_hold(package: str, below: tuple[int, ...]) -> None:
    """Evidently 0.7 does not import with pandas 3; RAGAS 0.4 needs a module that langchain-community 0.4.2 removed."""
    for lock in LOCKS:
        if package in pinned(lock):
            found = tuple(int(part) for part in pinned(lock)[package].split("."))
            assert found < below, (
                f"{lock.name} pins {package} {found}; does Evidently or RAGAS work with it now?"
            )


# Other servers hold some libraries back; with ours they share what the served model is made of.
BESIDE = ROOT / "requirements" / "serving-peers.txt"
OF_THE_MODEL = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")


def test_one_version_of_everything_in_all_locks() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        if lock == BESIDE:
            continue
        for package, version in pinned(lock).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_other_servers_get_the_model_of_the_same_versions() -> None:
    ours, theirs = pinned(ROOT / "requirements" / "dev.txt"), pinned(BESIDE)
    assert {name: theirs[name] for name in OF_THE_MODEL} == {name: ours[name] for name in OF_THE_MODEL}


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom mlops.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Weigh every model" in done.stdout
    assert {name.partition(".")[0] for name in done.stderr.split()} & HEAVY == set()


def test_pages_name_only_commands_that_exist() -> None:
    from mlops.cli.main import app

    known = {info.name or info.callback.__name__ for info in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    for page in PAGES:
        typed = re.findall(r"`weighbridge(?: -p \S+| --project \S+)? ([a-z][a-z-]*)", page.read_text())
        assert set(typed) <= known, f"{page.relative_to(ROOT)}: {set(typed) - known}"


def test_links_of_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_the_yaml_of_the_readme_is_a_policy(tmp_path: Path) -> None:
    from mlops.config import load_policy

    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (tmp_path / "weighbridge.yaml").write_text(block)
    assert load_policy(tmp_path / "weighbridge.yaml").model == "lending"


def test_the_package_says_its_version_once() -> None:
    from importlib.metadata import version

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version("weighbridge") == declared


IMPORTED_IN = {
    "apprise": {"monitoring/alerts/send.py"},
    "deltalake": {"monitoring/store/table.py", "monitoring/store/upkeep.py"},
    "evidently": {"monitoring/report.py"},
    "great_expectations": {"mlops/data/suite.py", "mlops/data/expectations.py"},
    "mlflow": {"mlops/mlflow_store.py", "mlops/registry/client.py"},
    "langchain_core": {
        "evaluation/llm/chat.py",
        "evaluation/text/ragas_judge.py",
        "mlops/generation/kept.py",
        "mlops/generation/told.py",
        "mlops/generation/watch.py",
    },
    "langchain_openai": {"evaluation/llm/chat.py", "evaluation/llm/connection.py"},
    "onnxruntime": {"evaluation/embeddings/clip.py", "evaluation/embeddings/minilm.py"},
    "openai": {"evaluation/llm/chat.py", "evaluation/llm/completions.py"},
    "ragas": {
        "evaluation/text/ragas_judge.py",
        "evaluation/text/ragas_run.py",
        "evaluation/text/ragas_tools.py",
    },
    "skops": {"mlops/packaging/load.py", "mlops/packaging/save.py", "mlops/serving/startup.py"},
}


def imported(path: Path) -> set[str]:
    """The first names of every import of a file, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_a_heavy_library_is_known_to_one_place() -> None:
    found: dict[str, set[str]] = {library: set() for library in IMPORTED_IN}
    for package in ("mlops", "evaluation", "monitoring"):
        for path in (ROOT / package).rglob("*.py"):
            for library in imported(path) & set(found):
                found[library].add(path.relative_to(ROOT).as_posix())
    assert found == IMPORTED_IN
