"""Several processes of one server, of which one is killed while it has a job."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from mlops.serving.jobs.signature import HEADER, is_genuine

SECRET = "0123456789abcdef-s3cr3t"
# A row of 13 years says who was asked and has no answer.
SERVER = """
import json, os, sys, threading
from pathlib import Path
import numpy as np
from evaluation.types import Outputs
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import InputField
from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.listener import bind
from mlops.serving.processes import Inherited, Supervisor
from mlops.serving.server import Server
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

class Model:
    inputs, classes = (InputField("age", "long", True),), (0, 1)

    def predict_rows(self, rows):
        if rows[0][0] == 13:
            print(json.dumps({"asked": os.getpid()}), flush=True)
            threading.Event().wait()
        return Outputs(labels=np.ones(len(rows), int), scores=np.full(len(rows), 0.75))

bundle, log, serve = sys.argv[1:4]
settings = Settings(log_dir=Path(log), port=0, serve=ServeConfig.model_validate_json(serve))
if "--worker" in sys.argv:
    inherited = Inherited.parse(sys.argv[-1])
    inherited.watch()
    with inherited.listener() as listener:
        app = create_app(Bundle.open(Path(bundle)), Model(), DeltaRequestLog(settings.log_dir), settings)
        Server(app, drain_s=0, finish_s=1, started=inherited.ready).run(sockets=[listener])
else:
    with bind(settings) as listener:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        sys.exit(Supervisor((sys.executable, *sys.argv), listener, 2).run())
"""


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.posted.append(
            (self.rfile.read(int(self.headers["content-length"])), self.headers[HEADER])
        )
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiver():
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.posted = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


@contextlib.contextmanager
def workers(tmp_path, bundle, **serve):
    (tmp_path / "server.py").write_text(SERVER)
    command = [sys.executable, "server.py", str(bundle.path), str(tmp_path / "log"), json.dumps(serve)]
    environment = {
        **os.environ,
        "WEIGHBRIDGE_WEBHOOK_SECRET": SECRET,
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        try:
            yield process, (json.loads(line) for line in process.stdout if line.startswith('{"'))
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()


def ask(method, url, **options):
    """On a connection of its own, so that any process may take it, and again where one that was killed did."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            return httpx.request(method, url, timeout=60, **options)
        time.sleep(0.02)


def ended(place):
    while (job := ask("GET", place).json())["state"] in {"queued", "running"}:
        time.sleep(0.02)
    return job


def test_its_job_is_told_as_failed_and_posted_by_another(tmp_path, bundle):
    with receiver() as hooks:
        hook = f"http://127.0.0.1:{hooks.server_port}/done"
        with workers(tmp_path, bundle, workers=2, timeout_s=1, webhooks={"allow": [hook]}) as (_, lines):
            url = f"http://127.0.0.1:{next(lines)['port']}"

            def later(age, **headers):
                headers = {"prefer": "respond-async", **headers}
                taken = ask("POST", f"{url}/v1/predict", json={"record": {"age": age}}, headers=headers)
                assert taken.status_code == 202
                return f"{url}{taken.headers['location']}"

            answered = later(30)
            assert ended(answered)["answer"]["predictions"][0]["score"] == 0.75
            hanging = later(13, **{"weighbridge-callback": hook})
            asked = next(line["asked"] for line in lines if "asked" in line)
            assert {ask("GET", hanging).json()["state"] for _ in range(10)} == {"running"}
            os.kill(asked, signal.SIGKILL)
            lost = ended(hanging)
            assert (lost["state"], lost["problem"]["status"]) == ("failed", 503)
            # Whoever is asked, and whoever answered it.
            assert {ask("GET", answered).json()["state"] for _ in range(10)} == {"done"}
            while not hooks.posted:
                time.sleep(0.02)
    ((body, signature),) = hooks.posted
    assert json.loads(body) == lost
    at_s = int(signature.partition("t=")[2].partition(",")[0])
    assert is_genuine(SECRET.encode(), body, signature, at_s)
