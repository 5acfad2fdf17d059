"""Hands lines NAME=value from $VARIABLES to the later steps of a job, with every value masked in the log."""

import os
import re
import sys
from pathlib import Path

_LINE = re.compile(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def main() -> None:
    """Read, mask, then write; a line that is not NAME=value ends the job without showing the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(os.environ["VARIABLES"].splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            sys.stdout.write(f"::error::line {number} of the secret VARIABLES is not NAME=value\n")
            sys.exit(1)
        found[match[1]] = unquoted(match[2])
    for value in found.values():
        if value:
            sys.stdout.write(f"::add-mask::{value.replace('%', '%25')}\n")
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in found.items())


def unquoted(value: str) -> str:
    """Without the quotes around it, as a shell would take it."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


if __name__ == "__main__":
    main()
