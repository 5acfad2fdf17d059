"""deployment.json: strict to read, whole or not written, changed by one process at a time."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.rollout.state import Deployment, Placed, Role, Router, StateFile
from mlops.rollout.targets.base import Lane

ROUTER = Router("127.0.0.1", 8000, "10:1", "/run/haproxy.sock")


def lane(version: str) -> Lane:
    return Lane("lending", version, "20261121-230512-1a2b3c4d", "local", "127.0.0.1", 20801, "11:2", "b", "l")


def placed(version: str, role: Role, slot: int) -> Placed:
    return Placed(lane(version), role, slot, 100 if role is Role.CHAMPION else 0)


TWO = Deployment(ROUTER, (placed("2", Role.CHAMPION, 2), placed("1", Role.PREVIOUS, 1)))


def test_what_is_written_is_read(tmp_path):
    state = StateFile(tmp_path / "serving")
    assert state.read() is None
    state.write(TWO)
    assert state.read() == TWO
    state.remove()
    assert state.read() is None


def test_liveness_is_not_stored(tmp_path):
    state = StateFile(tmp_path)
    lanes = tuple(replace(each, alive=True) for each in TWO.lanes)
    state.write(Deployment(replace(ROUTER, alive=False), lanes))
    assert state.read() == TWO


def _broken(change) -> bytes:
    content = json.loads(_WRITTEN)
    change(content)
    return json.dumps(content).encode()


_WRITTEN = b"""{"router": {"host": "127.0.0.1", "port": 8000, "handle": "10:1", "socket": "s"},
 "schema_version": 1, "lanes": [{"lane": {"model": "m", "version": "1", "release_id": "r", "target": "local",
 "host": "127.0.0.1", "port": 1, "handle": "1:1", "artefact": "b", "log": "l"}, "role": "champion",
 "slot": 1, "weight": 100}]}"""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "EOF"),
        (_WRITTEN[:80], "EOF"),
        (b"[]", "object"),
        (_broken(lambda c: c.pop("router")), "router: Field required"),
        (_broken(lambda c: c["router"].update(port="8000")), "router.port: Input should be a valid integer"),
        (_broken(lambda c: c["router"].update(colour="red")), "router.colour: Unexpected"),
        (_broken(lambda c: c["lanes"][0].update(role="king")), "lanes.0.role"),
        (_broken(lambda c: c["lanes"][0]["lane"].pop("artefact")), "lanes.0.lane.artefact: Field required"),
        (_broken(lambda c: c.update(schema_version=2)), "schema_version"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, content, complaint):
    state = StateFile(tmp_path)
    state.path.write_bytes(_WRITTEN)
    assert state.read() is not None
    state.path.write_bytes(content)
    with pytest.raises(EnvironmentProblem, match=re.escape(str(state.path))) as caught:
        state.read()
    assert complaint in caught.value.found
    assert f"rm {state.path}" in caught.value.next_step


def test_promoting_keeps_one_previous_version():
    challenger = placed("3", Role.CHALLENGER, 3)
    after = replace(TWO, lanes=(*TWO.lanes, challenger)).promoted(challenger)
    assert after.lanes == (placed("3", Role.CHAMPION, 3), placed("2", Role.PREVIOUS, 2))


def test_promoting_previous_swaps_the_two():
    after = TWO.promoted(TWO.lanes[1])
    assert after.lanes == (placed("1", Role.CHAMPION, 1), placed("2", Role.PREVIOUS, 2))


def test_a_second_lane_of_the_champions_version_leaves_previous_alone():
    after = TWO.promoted(placed("2", Role.CHALLENGER, 3))
    assert after.lanes == (placed("2", Role.CHAMPION, 3), placed("1", Role.PREVIOUS, 1))


def test_the_first_version_has_no_previous():
    after = Deployment(ROUTER, (placed("1", Role.CHALLENGER, 1),)).promoted(placed("1", Role.CHALLENGER, 1))
    assert after.champion == placed("1", Role.CHAMPION, 1)
    assert after.previous is None


def test_the_free_slot_is_the_first_that_is_empty():
    assert TWO.free_slot() == 3
    assert TWO.without(TWO.previous).free_slot() == 1
    assert TWO.without(None) == TWO


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_the_url_is_one_that_a_client_can_use(host, url):
    assert Deployment(replace(ROUTER, host=host)).url == url


def test_a_second_change_is_refused_and_told_who_is_at_it(tmp_path):
    state = StateFile(tmp_path)
    with (
        state.lock("deploying version 3"),
        pytest.raises(EnvironmentProblem) as caught,
        state.lock("stopping"),
    ):
        pytest.fail("two at once")
    assert f"process {os.getpid()} is deploying version 3, since 20" in caught.value.found
    with state.lock("stopping"):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import time; from pathlib import Path; from mlops.rollout.state import StateFile\n"
        f"with StateFile(Path({str(tmp_path)!r})).lock('deploying'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        state = StateFile(tmp_path)
        with (
            pytest.raises(EnvironmentProblem, match=f"process {holder.pid} is deploying"),
            state.lock("stopping"),
        ):
            pytest.fail("two at once")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with state.lock("stopping"):
        pass


def test_a_full_disk_leaves_the_last_record(tmp_path, monkeypatch):
    state = StateFile(tmp_path)
    state.write(TWO)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        state.write(Deployment(ROUTER))
    assert state.read() == TWO
    assert [path.name for path in Path(tmp_path).iterdir()] == ["deployment.json"]
