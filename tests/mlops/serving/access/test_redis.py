"""Limits counted in a real Redis: by several processes together, and each by itself while it is away."""

import asyncio
import shutil
import signal
import socket
import subprocess
from contextlib import closing

import pytest

from mlops.serving.access.config import REDIS_PASSWORD
from mlops.serving.access.limits import InRedis, Window
from mlops.serving.access.reasons import Reason

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed")
PASSWORD = "hunter2-hunter2"


class Redis:
    def __init__(self, folder):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD)
        self.process = subprocess.Popen(
            [SERVER, *options, "--dir", str(self.folder)], stdout=subprocess.PIPE, text=True
        )
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start")

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.stop()


def counter(redis, amount=3, *, namespace="lending", password=PASSWORD, reason=Reason.RATE):
    return InRedis(Window(reason, amount, 3600), redis.url, namespace, password)


async def taken(found, name, times):
    return [await found.take(name) is None for _ in range(times)]


def story(*counters, tell):
    async def told():
        try:
            return await tell()
        finally:
            for each in counters:
                await each.close()

    return asyncio.run(told())


def test_two_processes_count_together_and_two_models_apart(redis):
    one, two, other = counter(redis), counter(redis), counter(redis, namespace="fraud")
    quota = counter(redis, reason=Reason.QUOTA)

    async def tell():
        assert await taken(one, "shop", 2) == [True, True]
        assert await taken(two, "shop", 2) == [True, False]
        wait_s = await one.take("shop")
        assert 0 < wait_s <= 7200
        assert await taken(one, "other", 1) == [True]
        assert await taken(other, "shop", 1) == [True]
        assert await taken(quota, "shop", 1) == [True]

    story(one, two, other, quota, tell=tell)


def test_many_at_once_get_no_more_than_the_amount(redis):
    one, two = counter(redis, 20), counter(redis, 20)

    async def tell():
        waits = await asyncio.gather(*(each.take("shop") for each in (one, two) * 40))
        assert sum(wait is None for wait in waits) == 20

    story(one, two, tell=tell)


def test_while_it_is_away_each_process_counts_for_itself(redis, caplog):
    found = counter(redis)

    async def tell():
        assert await taken(found, "shop", 1) == [True]
        redis.stop()
        assert await taken(found, "shop", 5) == [True, True, True, False, False]
        redis.start()
        found._ask_again_at = 0.0
        assert await taken(found, "shop", 4) == [True, True, True, False]

    with caplog.at_level("INFO"):
        story(found, tell=tell)
    mine = [record for record in caplog.records if record.name == "weighbridge.door"]
    assert [record.message for record in mine] == [
        "redis is down, limits are counted in this process",
        "redis is back",
    ]


def test_one_that_hangs_is_not_waited_for(redis, caplog):
    found = counter(redis)

    async def tell():
        assert await taken(found, "shop", 1) == [True]
        redis.process.send_signal(signal.SIGSTOP)
        assert await taken(found, "shop", 4) == [True, True, True, False]
        redis.process.send_signal(signal.SIGCONT)
        found._ask_again_at = 0.0
        assert await taken(found, "shop", 1) == [True]

    story(found, tell=tell)
    assert caplog.records[0].facts["reason"] == "TimeoutError"


@pytest.mark.parametrize("password", [None, "wrong-wrong-wrong"])
def test_a_wrong_password_is_told_without_it(redis, caplog, password):
    found = counter(redis, password=password)

    async def tell():
        assert await taken(found, "shop", 4) == [True, True, True, False]

    story(found, tell=tell)
    said = " ".join(str(record.__dict__) for record in caplog.records)
    assert "redis is down" in said
    assert "wrong-wrong" not in said
    assert PASSWORD not in repr(found)
    assert REDIS_PASSWORD == "WEIGHBRIDGE_REDIS_PASSWORD"
