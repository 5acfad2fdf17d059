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
    assert _printed(program).split()[0] == str(there)


def test_scipy_special_is_imported_before_what_skops_would_look_through(tmp_path):
    (tmp_path / "model.skops").touch()
    program = (
        "import pathlib, sys; from mlops.serving.startup import import_first;"
        f"import_first(pathlib.Path({str(tmp_path)!r})); names = list(sys.modules);"
        "print(names.index('scipy.special._ufuncs') < min(map(names.index, ('sklearn', 'pandas', 'skops'))))"
    )
    assert _printed(program) == "True"


def test_what_serves_no_first_answer_is_not_imported():
    program = (
        "import sys, mlops.serving.app, mlops.serving.server, monitoring.store.delta;"
        "print([name for name in ('httpx', 'jwt', 'mlflow', 'opentelemetry.sdk', 'evidently', 'deltalake')"
        " if name in sys.modules])"
    )
    assert _printed(program) == "[]"


def test_without_a_folder_nothing_is_imported(tmp_path):
    import_first(tmp_path / "none")


def _printed(program):
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip()
