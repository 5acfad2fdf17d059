"""What is planned for the examples is what releases of an equally good model then do."""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "plan.py"
RUNS = 60


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("benchmarks_plan", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmarks_plan", made)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("name", ["lending", "flights"])
def test_predicted_is_seen(benchmark: ModuleType, folder: Callable[[str], Path], name: str) -> None:
    folder(name)
    found = benchmark.compare(benchmark.open_example(name), 2000, 0.05, RUNS)
    assert found[0][0] == "gate"
    assert len(found) > 8
    for check, predicted, seen, error in found:
        assert abs(predicted - seen) <= 3 * error, check
    assert any(0.05 < predicted < 0.95 for _, predicted, _, _ in found)
