"""What a start does, and leaves, with garbage collection."""

import gc
import subprocess
import sys

import pytest

from mlops.serving.startup import import_first, quick_start


@pytest.fixture(autouse=True)
def _thawed():
    yield
    gc.unfreeze()
    assert gc.isenabled()


def test_no_garbage_is_collected_until_the_start_is_over():
    with quick_start() as settle:
        assert not gc.isenabled()
        settle()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000


def test_a_start_that_fails_leaves_collection_on():
    with pytest.raises(OSError, match="in vain"), quick_start():
        raise OSError("in vain")
    assert gc.isenabled()


@pytest.mark.parametrize(("file", "there"), [("model.skops", True), ("prompt.json", False)])
def test_skops_is_imported_for_a_file_of_its_own_only(tmp_path, file, there):
    (tmp_path / file).touch()
    program = (
        "import pathlib, sys; from mlops.serving.startup import import_first;"
        f"import_first(pathlib.Path({str(tmp_path)!r})); print('skops' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split()[0] == str(there)


def test_without_a_folder_nothing_is_imported(tmp_path):
    import_first(tmp_path / "none")
