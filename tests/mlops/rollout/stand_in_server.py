"""A server with the face of `mlops.serving` and no model: `python stand_in_server.py BUNDLE --port N ...`.

The bundle's `stand_in.json` says what it does: {"version": "3", "ready": true, "slow_s": 0.0,
"stubborn": false, "closes_after_s": 5.0, "fails": "what it says before it ends"}; `ready` may change meanwhile.
"""

import json
import signal
import sys
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def __init__(self, behaviour, *args):
        self.behaviour = behaviour
        self.timeout = behaviour.get("closes_after_s")
        super().__init__(*args)

    def do_GET(self):
        if self.path == "/health/ready":
            ready = read_behaviour().get("ready", True)
            self.answer(200 if ready else 503, {"version": self.behaviour["version"]})
        elif self.path == "/model":
            self.answer(200, {"version": self.behaviour["version"]})
        elif self.path == "/headers":
            self.answer(200, dict(self.headers))
        else:
            self.answer(404, {})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.behaviour.get("slow_s", 0))
        self.answer(200, {"version": self.behaviour["version"]})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def read_behaviour():
    return json.loads((Path(sys.argv[1]) / "stand_in.json").read_text())


def main():
    behaviour = read_behaviour()
    flags = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    assert set(flags) == {"--host", "--port", "--log-dir", "--serve"}, flags
    if "fails" in behaviour:
        sys.exit(behaviour["fails"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour.get("stubborn") else lambda *_: sys.exit(0))
    server = Server((flags["--host"], int(flags["--port"])), partial(Handler, behaviour))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
