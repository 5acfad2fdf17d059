"""`python polling_client.py HOST PORT BODY` posts to a router until stdin ends, and tells what it sees.

Two pollers, each over a connection that is kept and over a fresh one in turn. A line of JSON whenever a poller
meets another version than before, and one at the end. A process of its own, so that a test may fork meanwhile
and does not share an interpreter with it.
"""

import json
import sys
import threading
from http.client import HTTPConnection, HTTPException


class Poller(threading.Thread):
    def __init__(self, number, host, port, body):
        super().__init__()
        self.number = number
        self.host, self.port, self.body = host, port, body.encode()
        self.done = threading.Event()
        self.version = None
        self.answers = 0
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
                "POST", "/v1/predict", body=self.body, headers={"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            self.failures.append(repr(error))
            connection.close()
            return
        if answer.status != 200:
            self.failures.append(f"{answer.status} {body!r}")
            return
        self.answers += 1
        version = json.loads(body)["version"]
        if version != self.version:
            self.version = version
            tell(poller=self.number, version=version)


def tell(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main():
    pollers = [Poller(number, sys.argv[1], int(sys.argv[2]), sys.argv[3]) for number in range(2)]
    for poller in pollers:
        poller.start()
    sys.stdin.read()
    for poller in pollers:
        poller.done.set()
        poller.join()
    failures = [failure for poller in pollers for failure in poller.failures]
    tell(answers=sum(poller.answers for poller in pollers), failures=failures)


if __name__ == "__main__":
    main()
