"""Waiting for the writer's own threads, and a disk that can be filled."""

import subprocess
import threading

import pytest


@pytest.fixture(scope="session")
def wait_until():
    """Wait for another thread; the limit is only reached by a failing test."""

    def wait(condition):
        poll = threading.Event()
        for _ in range(3000):
            if condition():
                return
            poll.wait(0.01)
        raise AssertionError("did not happen")

    return wait


class Disk:
    """A small file system that can be filled to the last byte, and freed again."""

    def __init__(self, folder):
        self.folder = folder

    def fill(self):
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (65536, 4096, 512, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self):
        (self.folder / "ballast").unlink()


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system of its own needs the right to mount one")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
