"""Detached processes: found again, told apart, stopped with what they started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.decision.keys import SIGNING_KEY
from mlops.rollout import process

MARK = "WEIGHBRIDGE_TEST_PROCESS"


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def spawn(tmp_path: Path):
    handles = []

    def start(code: str) -> str:
        command = (sys.executable, "-S", "-E", "-c", code)
        mark = {MARK: str(tmp_path)}
        handles.append(
            process.spawn(command, told=mark, log=tmp_path / "logs" / "out", folder=tmp_path / "work")
        )
        return handles[-1]

    yield start
    for handle in handles:
        process.stop(handle, within_s=0)


def output(tmp_path: Path) -> tuple[str, ...]:
    return process.tail(tmp_path / "logs" / "out", lines=10)


def test_it_runs_in_its_own_session_and_folder_with_its_output_in_the_log(spawn, tmp_path):
    handle = spawn("import os, sys; print(os.getcwd()); print(os.getsid(0) == os.getpid(), file=sys.stderr)")
    until(lambda: process.find(handle) is None)
    assert sorted(output(tmp_path)) == sorted([str(tmp_path / "work"), "True"])


def test_only_what_any_program_needs_is_handed_on(spawn, tmp_path, monkeypatch):
    mine = ("RUNNER_TRACKING_ID", "GITHUB_OUTPUT", "ACTIONS_RUNTIME_TOKEN", SIGNING_KEY, "MY_PASSWORD")
    kept = ("LC_TIME", "OMP_NUM_THREADS", "XDG_CONFIG_HOME")
    for name in (*mine, *kept):
        monkeypatch.setenv(name, "1")
    handle = spawn(f"import os; print([n for n in {(*mine, *kept, MARK)} if n in os.environ])")
    until(lambda: process.find(handle) is None)
    assert output(tmp_path) == (str([*kept, MARK]),)


def test_stop_asks_first(spawn, tmp_path):
    ask = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('asked')))"
    handle = spawn(f"{ask}; print('up', flush=True); time.sleep(60)")
    until(lambda: output(tmp_path))
    process.stop(handle, within_s=10)
    assert process.find(handle) is None
    assert output(tmp_path) == ("up", "asked")


def test_stop_kills_what_does_not_listen_and_what_it_started(spawn, tmp_path):
    code = (
        "import os, signal, time; signal.signal(15, signal.SIG_IGN)\n"
        "print(os.fork() or os.getpid(), flush=True); time.sleep(60)"
    )
    handle = spawn(code)
    until(lambda: len(output(tmp_path)) == 2)
    pids = {int(line) for line in output(tmp_path)}
    children = [process.handle_of(pid) for pid in pids if not handle.startswith(f"{pid}:")]
    process.stop(handle, within_s=0.05)
    assert process.find(handle) is None
    assert children
    until(lambda: not any(process.find(child) for child in children))


def test_a_later_process_with_the_same_pid_is_left_alone():
    with subprocess.Popen(["sleep", "60"]) as foreign:
        pid, _, started = process.handle_of(foreign.pid).partition(":")
        handle = f"{pid}:{int(started) - 1}"
        assert process.find(handle) is None
        process.stop(handle, within_s=0)
        assert foreign.poll() is None
        foreign.kill()


def test_a_zombie_has_ended():
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 60"], os.environ)
    handle = process.handle_of(pid)
    assert process.find(handle)
    os.kill(pid, signal.SIGKILL)
    until(lambda: process.find(handle) is None)


@pytest.mark.parametrize("handle", ["4194305:1", "", "0:1", "-1:1", "words"])
def test_a_process_that_never_was_has_ended(handle):
    assert process.find(handle) is None
    process.stop(handle, within_s=0)


def test_marked_finds_a_process_but_not_its_children(spawn, tmp_path):
    handle = spawn("import os, time; os.fork(); print('up', flush=True); time.sleep(60)")
    until(lambda: len(output(tmp_path)) == 2)
    assert [found for found, mark in process.marked(MARK) if mark == str(tmp_path)] == [handle]


def test_a_log_that_cannot_be_written_is_an_environment_problem(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot start sleep"):
        process.spawn(("sleep", "1"), told={}, log=tmp_path / "file" / "out", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "lines", "found"), [("", 3, ()), ("a\nb\nc\n", 2, ("b", "c")), ("a", 2, ("a",))]
)
def test_tail(tmp_path, text, lines, found):
    (tmp_path / "log").write_text(text)
    assert process.tail(tmp_path / "log", lines=lines) == found


def test_the_tail_of_no_file_is_empty(tmp_path):
    assert process.tail(tmp_path / "none", lines=3) == ()
