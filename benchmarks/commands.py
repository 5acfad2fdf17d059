"""How long commands take, as ratios to what nobody could do without.

`weighbridge --help` beside a Python that does nothing, and a whole release of the lending example beside a script that
imports what the release imports, trains the same model and scores the same rows.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlops.demo.projects import examples_dir

_RUNS = 5
_BARE = """
import sys
import polars, mlflow, skops.io, great_expectations, sklearn.metrics
sys.path.insert(0, ".")
from train import train
data, holdout = polars.read_parquet("data/train.parquet"), polars.read_parquet("data/holdout.parquet")
names = [name for name in data.columns if name not in {
    "default", "customer_id", "sex", "marriage", "age_band", "education_group"}]
model = train(data[names].to_pandas(), data["default"].to_pandas(), seed=7)
print(sklearn.metrics.roc_auc_score(holdout["default"], model.predict_proba(holdout[names].to_pandas())[:, 1]))
"""


def main() -> None:
    """Print both ratios."""
    bare = statistics.median(_seconds([sys.executable, "-c", "pass"]) for _ in range(_RUNS))
    command = [sys.executable, "-c", "from mlops.cli.main import main; main(['--help'])"]
    told = statistics.median(_seconds(command) for _ in range(_RUNS))
    print(f"weighbridge --help: {told:.2f} s, {told / bare:.1f} x a Python that does nothing ({bare:.3f} s)")
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "lending"
        shutil.copytree(examples_dir() / "lending", project)
        with (project / "weighbridge.yaml").open("a") as policy:
            policy.write("\nserve: {port: 0}\n")
        program = "from mlops.cli.main import main; main()"
        trained = _seconds([sys.executable, "-c", _BARE], project)
        released = _seconds([sys.executable, "-c", program, "release"], project)
        _seconds([sys.executable, "-c", program, "stop"], project)
    print(
        f"weighbridge release on lending: {released:.1f} s, {released / trained:.1f} x imports, training and "
        f"scoring alone ({trained:.1f} s)"
    )


def _seconds(command: list[str], folder: Path | None = None) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
