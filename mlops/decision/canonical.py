"""One byte string for one content, so that a digest means something."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """Write JSON with sorted keys, no spaces and no NaN, as UTF-8.

    >>> canonical_json({"b": 1, "a": [0.5, None]})
    b'{"a":[0.5,null],"b":1}'
    """
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def digest_bytes(content: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces of 1 MiB."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            total.update(piece)
    return total.hexdigest()


def digest_files(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the sorted (path, SHA-256) pairs of files; paths: relative to the folder."""
    pairs = [(path.as_posix(), digest_file(folder / path)) for path in sorted(set(paths))]
    return digest_bytes(canonical_json({"files": pairs}))


def digest_folder(folder: Path, *, ignore: frozenset[str] = frozenset()) -> str:
    """`digest_files` of every file below a folder; names in `ignore` do not count."""
    return digest_files(
        folder,
        (
            path.relative_to(folder)
            for path in folder.rglob("*")
            if path.is_file() and path.name not in ignore
        ),
    )
