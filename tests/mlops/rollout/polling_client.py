"""`python polling_client.py HOST PORT BODY` posts to a router until stdin ends, then prints what it saw.

Requests go over a connection that is kept and over a fresh one in turn. A process of its own, so that a test
may fork meanwhile and does not share an interpreter with it.
"""

import json
import sys
import threading
from http.client import HTTPConnection, HTTPException


class Poller(threading.Thread):
    def __init__(self, host, port, body):
        super().__init__()
        self.host, self.port, self.body = host, port, body.encode()
        self.done = threading.Event()
        self.versions = []
        self.failures = []

    def run(self):
        kept = HTTPConnection(self.host, self.port, timeout=20)
        while not self.done.is_set():
            self.ask(kept)
            fresh = HTTPConnection(self.host, self.port, timeout=20)
            self.ask(fresh)
            fresh.close()
        kept.close()

    def ask(self, connection):
        try:
            connection.request(
                "POST", "/predict", body=self.body, headers={"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.versions.append(json.loads(body)["version"])
            else:
                self.failures.append(f"{answer.status} {body!r}")
        except (OSError, HTTPException) as error:
            self.failures.append(repr(error))
            connection.close()


def main():
    pollers = [Poller(sys.argv[1], int(sys.argv[2]), sys.argv[3]) for _ in range(2)]
    for poller in pollers:
        poller.start()
    sys.stdout.write("polling\n")
    sys.stdout.flush()
    sys.stdin.read()
    for poller in pollers:
        poller.done.set()
        poller.join()
    seen = [{"versions": poller.versions, "failures": poller.failures} for poller in pollers]
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
