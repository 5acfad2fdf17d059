"""Code of one folder is imported and forgotten, and leaves nothing beside it."""

import importlib
import sys
from pathlib import Path

import pytest

from mlops.modules import forgotten, modules_of


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_two_folders_may_have_modules_of_one_name_and_get_no_byte_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("one", "two"):
        write(tmp_path / name, of_both=f"NAME = {name!r}\n")
        with forgotten(tmp_path / name):
            sys.path.insert(0, str(tmp_path / name))
            assert name == importlib.import_module("of_both").NAME
            assert list(modules_of(tmp_path / name)) == ["of_both"]
        assert "of_both" not in sys.modules
    assert str(tmp_path / "one") not in sys.path
    assert not list(tmp_path.rglob("*.pyc"))
    assert not sys.dont_write_bytecode


def test_what_is_installed_inside_a_folder_stays_imported(tmp_path: Path) -> None:
    write(tmp_path, **{"env__site-packages__installed_there": "", "own_here": "import installed_there\n"})
    with forgotten(tmp_path):
        sys.path[:0] = [str(tmp_path), str(tmp_path / "env" / "site-packages")]
        importlib.import_module("own_here")
        assert list(modules_of(tmp_path)) == ["own_here"]
    assert "installed_there" in sys.modules
    del sys.modules["installed_there"]
