"""Several processes behind one address: they share the work and the numbers, and come and go together."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from mlops.serving.listener import bind
from mlops.serving.processes import Supervisor
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

POLL_S = 0.05


def wait_until(holds):
    while not (found := holds()):
        time.sleep(POLL_S)
    return found


def workers_of(server):
    return psutil.Process(server.process.pid).children()


def ready_count(server):
    return sum(line["event"] == "starting" for line in server.lines())


def total(server, name):
    with contextlib.suppress(httpx.TransportError):
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))


def ask(server, good):
    """On a connection of its own, as often as it takes: a process that is killed takes its connections along."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            return httpx.post(f"{server.url}/v1/predict", json={"records": [good]}, timeout=60)


def test_they_share_work_and_numbers_and_a_dead_one_is_replaced(tmp_path, bundle, servers, good):
    with servers(tmp_path, str(bundle.path), "--workers", "2") as start:
        server = start(TMPDIR=str(tmp_path))
        wait_until(lambda: ready_count(server) == 2)
        (folder,) = tmp_path.glob("weighbridge-metrics-*")
        for _ in range(10):
            assert ask(server, good).status_code == 200
        assert total(server, "weighbridge_predictions_total") == 10
        for replaced, worker in enumerate(workers_of(server), start=1):
            worker.send_signal(signal.SIGKILL)
            wait_until(lambda replaced=replaced: ready_count(server) == 2 + replaced)
            assert ask(server, good).status_code == 200
        # Those that counted the first ten are gone, and what they counted is not.
        assert total(server, "weighbridge_predictions_total") == 12
        assert total(server, "weighbridge_model_info") == 1
        wait_until(lambda: total(server, "weighbridge_log_queue_records") == 0)
        deaths = [
            line["code"] for line in server.lines() if line["event"] == "a process died, another follows"
        ]
        assert deaths == [-signal.SIGKILL, -signal.SIGKILL]
        left = workers_of(server)
        assert server.end() == 0
        assert not [each for each in left if each.is_running()]
        assert not folder.exists()
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{server.url}/health/live")
    logged = DeltaRequestLog(server.log_dir).read(model="lending")["id"].to_list()
    assert len(set(logged)) == len(logged) >= 2


def test_without_its_supervisor_nobody_stays(tmp_path, bundle, servers):
    with servers(tmp_path, str(bundle.path), "--workers", "2") as start:
        # Killed, it cannot remove its folder.
        server = start(TMPDIR=str(tmp_path))
        workers = wait_until(lambda: ready_count(server) == 2 and workers_of(server))
        server.process.kill()
        server.process.wait()
        psutil.wait_procs(workers, timeout=60)
        assert not [each for each in workers if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_what_cannot_start_is_not_started_again(tmp_path, bundle):
    shutil.copytree(bundle.path, tmp_path / "bundle")
    with (tmp_path / "bundle" / "model" / "MLmodel").open("a") as file:
        file.write("changed: true\n")
    command = [
        sys.executable,
        "-m",
        "mlops.serving",
        str(tmp_path / "bundle"),
        "--port",
        "0",
        "--workers",
        "3",
    ]
    done = subprocess.run(
        [*command, "--log-dir", str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 3
    assert 1 <= done.stderr.count("error: ") <= 3
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "no process can start"


SCRIPT = """
import itertools, os, signal, sys
from mlops.serving.processes import Inherited

def end(*_):
    sys.exit(number if FAILING else 0)

number, FAILING = 0, {failing}
signal.signal(signal.SIGTERM, end)
for number in itertools.count():
    try:
        os.close(os.open(f"{sys.argv[1]}/{number}", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        pass
{body}
"""
READY = "Inherited.parse(sys.argv[-1]).ready()"
# The second one has everybody stopped.
STOPS = f"""
{READY}
if number == 1:
    os.kill(os.getppid(), signal.SIGTERM)
while True:
    signal.pause()
"""


def supervise(tmp_path, body, *, count=1, failing=False):
    """Run a supervisor over scripts, in this process; returns its exit code and how many were started."""
    (tmp_path / "started").mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{body}", body).replace("{failing}", str(failing)))
    with bind(Settings(log_dir=tmp_path, port=0)) as listener:
        code = Supervisor((sys.executable, str(script), str(tmp_path / "started")), listener, count).run()
    return code, len(list((tmp_path / "started").iterdir()))


@pytest.mark.parametrize(
    ("body", "code", "started"),
    [
        ("sys.exit(3)", 3, 1),
        ("sys.exit(0)", 4, 1),
        ("signal.raise_signal(signal.SIGKILL)", 4, 1),
        # One that was ready is worth some more starts.
        (f"{READY} if number == 0 else None; sys.exit(7)", 7, 5),
    ],
)
def test_where_nobody_serves_it_gives_up(tmp_path, monkeypatch, body, code, started):
    monkeypatch.setattr("mlops.serving.processes._FIRST_PAUSE_S", 0.0)
    assert supervise(tmp_path, body) == (code, started)


def test_who_is_stopped_before_it_is_ready_has_not_failed(tmp_path):
    body = STOPS.replace(READY, "signal.signal(signal.SIGTERM, signal.SIG_DFL)")
    assert supervise(tmp_path, body, count=2) == (0, 2)


@pytest.mark.parametrize(("failing", "code"), [(False, 0), (True, 1)])
def test_a_signal_reaches_everybody_and_whoever_fails_is_told(tmp_path, failing, code):
    assert supervise(tmp_path, STOPS, count=2, failing=failing) == (code, 2)
