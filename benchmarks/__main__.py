"""Run every benchmark, or those named: python -m benchmarks [--keep] [NAME ...].

--keep also puts what they print into the file from which docs/performance.md is written.
"""

import importlib
import os
import platform
import sys
from contextlib import nullcontext
from pathlib import Path

from benchmarks._printed import keeping
from mlops.calm import calm_threads


def main(arguments: list[str]) -> int:
    """Run benchmarks one after the other, each with what it measured on what."""
    keep, names = "--keep" in arguments, [name for name in arguments if name != "--keep"]
    calm_threads()
    folder = Path(__file__).parent
    known = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; expected some of: {', '.join(known)}", file=sys.stderr)
        return 3
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    for name in names or known:
        print(f"\n== {name}")
        with keeping(name) if keep else nullcontext():
            importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
