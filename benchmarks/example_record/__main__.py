"""python -m benchmarks.example_record: writes docs/decision-record.example.json anew."""

import json
import tempfile
from pathlib import Path

from benchmarks.example_record.made import EXAMPLE, make_record
from mlops.calm import calm_threads


def main() -> None:
    """Release, release again against the first, and keep what was decided then."""
    calm_threads()
    with tempfile.TemporaryDirectory() as folder:
        content = make_record(Path(folder))
    EXAMPLE.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")
    print(f"{EXAMPLE.name}: {content['verdict']}, {len(content['checks'])} checks")


if __name__ == "__main__":
    main()
