"""What a command may import without waiting."""

import subprocess
import sys

import pytest

HEAVY = ("sklearn", "scipy", "fairlearn", "pandas", "mlflow", "threadpoolctl")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (("evaluation.config",), (*HEAVY, "rich", "polars", "numpy")),
        (("evaluation.types", "evaluation.metrics.builtin", "evaluation.stats.estimate"), (*HEAVY, "rich")),
        (("evaluation.run", "evaluation.predict", "evaluation.gate.decide"), (*HEAVY, "rich")),
        (
            ("evaluation.reports.html", "evaluation.reports.markdown", "evaluation.reports.explain"),
            (*HEAVY, "rich"),
        ),
        (("evaluation.reports.terminal",), HEAVY),
    ],
    ids=lambda value: value[0],
)
def test_nothing_heavy_is_imported(modules: tuple[str, ...], absent: tuple[str, ...]) -> None:
    code = f"import sys, {', '.join(modules)}; print(*sorted({set(absent)!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
