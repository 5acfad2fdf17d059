"""What requests leave in memory when they are over: nothing, told by counting and not by time."""

import gc
import time
from collections import Counter, deque

from mlops.serving.app import create_app

WARM, ASKED = 50, 300


class Nowhere:
    """A store that keeps nothing, and counts."""

    taken = 0

    def append(self, records, *, mark=None):
        self.taken += len(records)

    def append_labels(self, labels, *, mark=None):
        self.taken += len(labels)


def objects(client, log, asked):
    """How many objects there are of each type once the log has all of what so many requests left."""
    while log.taken < 2 * asked - asked // 10:
        time.sleep(0.01)
    client.get("/metrics")
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def test_requests_leave_no_objects_behind(bundle, fake_model, settings, open_client):
    model = fake_model()
    model.seen = deque(maxlen=1)
    good, bad = {"record": {"age": 30, "job": "none"}}, {"record": {"age": "thirty"}}
    log = Nowhere()
    with open_client(create_app(bundle, model, log, settings)) as client:

        def ask(times):
            for number in range(times):
                assert client.post_json(bad if number % 10 == 0 else good).status_code in {200, 422}
                client.post_json({"labels": [{"id": f"r-{number}", "label": 1}]}, "/v1/feedback")

        ask(WARM)
        before = objects(client, log, WARM)
        ask(ASKED)
        # Of what each request left there would be as many as requests; weak references of the client's come and go.
        eventually(lambda: objects(client, log, WARM + ASKED) - before, lambda left: most(left) < ASKED / 2)


def most(left):
    return max(left.values(), default=0)


def eventually(look, expected, tries=50):
    """The writer's thread counts a batch a moment before it lets go of it."""
    found = look()
    while not expected(found) and (tries := tries - 1):
        time.sleep(0.1)
        found = look()
    assert expected(found), found
