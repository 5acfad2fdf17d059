"""What the pages promise of keys and variables, held against the code."""

import re
from pathlib import Path

import pytest
import yaml

from evaluation.config import GateConfig
from evaluation.hygiene.config import HygieneConfig

ROOT = Path(__file__).resolve().parents[1]
GATE = (ROOT / "docs" / "gate.md").read_text()
GITHUB = (ROOT / "docs" / "github.md").read_text()
OF_CODE = ("evaluation", "mlops", "monitoring")
# Set by us, or for people at a terminal: no job has to be given them.
OURS = {
    "WEIGHBRIDGE_API_KEY",
    "WEIGHBRIDGE_DEBUG",
    "WEIGHBRIDGE_HOME",
    "WEIGHBRIDGE_LANE",
    "WEIGHBRIDGE_ROUTER",
}


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with these cells."""
    table = page.partition(f"\n{head}\n")[2].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


@pytest.mark.parametrize(
    "key", ["repeats", "counterfactual", "stereotype_pairs", "unit", "candidates", "planned_rows"]
)
def test_the_page_of_the_gate_tells_of_a_key(key: str) -> None:
    assert key in GateConfig.model_fields
    assert f"`gate.{key}" in GATE or f"`{key}: " in GATE


def test_hygiene_is_told_with_its_defaults() -> None:
    told = {name.strip("`"): default for name, default, _ in rows(GATE, "| `data.hygiene` | default | |")}
    fields = HygieneConfig.model_fields
    assert list(told) == list(fields)
    for name, field in fields.items():
        assert told[name] == str(field.default) or (field.default is None and told[name][0].isalpha()), name


def test_the_policies_of_the_page_are_policies() -> None:
    from mlops.config import Policy

    start = {"model": "m", "task": "generation", "generate": {"prompt": "p.txt"}}
    data = {"train": "a.csv", "evaluate": "b.csv", "target": "t"}
    texts = re.findall(r"```yaml\n(.*?)```", GATE, flags=re.DOTALL)
    policies = [content for text in texts if isinstance(content := yaml.safe_load(text), dict)]
    assert policies
    for content in policies:
        Policy.model_validate({**start, **content, "data": {**data, **content.get("data", {})}})


def test_every_secret_and_variable_of_the_workflows_is_told() -> None:
    texts = [path.read_text() for path in (ROOT / ".github").glob("workflows/*.yml")]
    texts += [path.read_text() for path in (ROOT / ".github").glob("actions/*/action.yml")]
    named = {name for text in texts for name in re.findall(r"\b(?:secrets|vars)\.([A-Z][A-Z0-9_]*)", text)}
    assert {"VARIABLES", "WEIGHBRIDGE_TRUSTED_KEYS"} <= named
    assert {name for name in named if f"`{name}`" not in GITHUB} == set()


def test_every_variable_that_the_product_reads_is_told() -> None:
    """Names of our own, and of tracing, that the code has are in the table of what goes into VARIABLES."""
    quoted = re.compile(r"[\"'](WEIGHBRIDGE_[A-Z_]+|OTEL_EXPORTER_OTLP_ENDPOINT|PIP_[A-Z_]+)[\"']")
    paths = [path for package in OF_CODE for path in (ROOT / package).rglob("*.py")]
    found = {name for path in paths for name in quoted.findall(path.read_text())}
    assert len(found) > len(OURS)
    assert {name for name in found - OURS if f"`{name}`" not in GITHUB} == set()


def test_the_keys_of_the_table_are_keys_of_the_policy() -> None:
    from mlops.config import Policy

    keys = set(re.findall(r"`((?:generate|gate|texts|serve)\.[a-z_.]+)`", GITHUB))
    assert len(keys) > 5
    for key in keys:
        at: object = Policy
        for name in key.split("."):
            at = _field(at, name)
            assert at is not None, key


def _field(section: object, name: str) -> object:
    """The type of a section's field without None and containers, or None where there is no such field."""
    from pydantic import BaseModel

    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return section
    field = section.model_fields.get(name)
    if field is None:
        return None
    kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), str)
