"""Run the server: python -m mlops.serving BUNDLE."""

import sys

from mlops.serving.command import main

if __name__ == "__main__":
    sys.exit(main())
