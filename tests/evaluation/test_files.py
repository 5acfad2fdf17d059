"""A file is there whole, or as it was before."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem
from evaluation.files import write_whole


def test_a_file_is_written_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.json"
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_earlier_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "decision.json"
    write_whole(path, b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evaluation.files.os.fsync", full)
    with pytest.raises(EnvironmentProblem, match=r"could not write decision\.json: No space left on device"):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert [item.name for item in tmp_path.iterdir()] == ["decision.json"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    with pytest.raises(EnvironmentProblem, match="could not write a"):
        write_whole(tmp_path / "in the way" / "a", b"")


def test_two_processes_do_not_mix_their_files(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    program = "\n".join(
        [
            "import sys; from pathlib import Path; from evaluation.files import write_whole",
            "for _ in range(100): write_whole(Path(sys.argv[1]), sys.argv[2].encode() * 50_000)",
        ]
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), letter]) for letter in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert path.read_bytes() in {b"a" * 50_000, b"b" * 50_000}
    assert list(tmp_path.iterdir()) == [path]
