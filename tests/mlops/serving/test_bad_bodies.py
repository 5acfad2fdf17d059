"""Ten thousand bad bodies, made from a seed: no 5xx, and nothing of them in an answer or in a line of the log."""

import asyncio
import json
import logging
import random
from collections import Counter

import httpx
import pytest

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.logs import JsonLines
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

COUNT = 10_000
SEED = 20_260_301
# Sent as values, never as names: which field is one too many is told on purpose.
SECRET = "s3cr3t-4711"
NUMBER = 47114711474
LEAKS = (
    SECRET,
    str(NUMBER),
    "Traceback",
    ".py",
    "site-packages",
    "/usr/",
    "/home/",
    "/tmp/",
    "pydantic",
    "polars",
)
JSON = {"content-type": "application/json"}
KINDS = ["", "text/plain", "application/xml", "application/json; charset=utf-16", "application/json;charset=x",
         "multipart/form-data; boundary=" + SECRET, "application/x-www-form-urlencoded", SECRET, "\xff/\xfe",
         "application/jsonp", "application/json, text/plain"]  # fmt: skip


class Bodies:
    """Makes bad requests: a path, bytes and headers."""

    def __init__(self, seed, good):
        self.random = random.Random(seed)
        self.good = good
        self.makers = [self.field, self.structure, self.constant, self.huge, self.deep, self.bytes, self.flipped,
                       self.cut, self.twice, self.kind, self.ids, self.label, self.columns, self.noise]  # fmt: skip

    def request(self, number):
        maker = self.makers[number % len(self.makers)]
        path, content, headers = maker()
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        name = maker.__name__
        extra = {
            "authorization": f"Bearer {SECRET}",
            "x-request-id": self.random.choice(["r-1", f"{SECRET}\x7f", "é"]),
        }
        # Headers as bytes: a caller may send what no text is.
        sent = {key: value.encode("latin-1") for key, value in {**extra, **headers}.items()}
        return name, f"{path}?key={SECRET}", content, sent

    def predict(self, content, headers=JSON):
        return "/v1/predict", content, headers

    def record(self):
        return {**self.good, "job": SECRET}

    def value(self):
        pick = self.random
        return pick.choice([
            None, True, False, SECRET, "", NUMBER, -NUMBER, NUMBER + 0.5, [SECRET], {"a": SECRET}, [], {}, [[NUMBER]],
            2**63, -(2**63) - 1, 10**400, 1e308, "\ud800" + SECRET, SECRET * 2000, f"{SECRET}\x00", "2026-13-45",
            pick.randbytes(8).hex() + SECRET,
        ])  # fmt: skip

    def field(self):
        record = self.record()
        for name in self.random.sample(sorted(record), self.random.randint(1, 4)):
            if self.random.random() < 0.2:
                del record[name]
            else:
                record[name] = self.value()
        return self.predict({self.random.choice(["records", "record"]): [record, self.good][:2]})

    def structure(self):
        shapes = [self.value(), [self.record()], {"records": self.value()}, {"records": [self.value()]}, {},
                  {"records": []}, {"records": [self.record()] * 51}, {"records": {"0": self.record()}},
                  {"records": [self.record()], "more": self.value()}, {"record": self.value()},
                  {"record": self.record(), "records": [self.record()]}, {"instances": [self.record()]}]  # fmt: skip
        return self.predict(self.random.choice(shapes))

    def constant(self):
        word = self.random.choice(
            ["NaN", "Infinity", "-Infinity", "nan", "undefined", "None", "1e999", "-1e999", "01"]
        )
        text = json.dumps({"records": [{**self.record(), "income": "HERE"}]}).replace('"HERE"', word)
        return self.predict(text.encode())

    def huge(self):
        digits = self.random.choice([20, 400, 4299, 4301, 20_000])
        number = (
            self.random.choice(["", "-"]) + "9" * digits + self.random.choice(["", ".5", "e9", "e-99999999"])
        )
        text = json.dumps({"records": [{**self.record(), "age": "HERE"}]}).replace('"HERE"', number)
        return self.predict(text.encode())

    def deep(self):
        depth = self.random.choice([50, 500, 5_000, 30_000])
        opened, closed = self.random.choice([("[", "]"), ('{"records":', "}"), ('{"a":[', "]}")])
        ends = self.random.choice([closed * depth, "", f'"{SECRET}"'])
        return self.predict((opened * depth + ends).encode())

    def bytes(self):
        text = json.dumps({"records": [self.record()]})
        bad = self.random.choice(
            [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf", b"\x00"]
        )
        raw = text.encode().replace(SECRET.encode(), SECRET.encode() + bad)
        codec = self.random.choice(["utf-16", "utf-32", "utf-7", None, None])
        return self.predict(raw if codec is None else text.encode(codec))

    def flipped(self):
        raw = bytearray(json.dumps({"records": [self.record()]}).encode())
        for _ in range(self.random.randint(1, 5)):
            # Not inside of what is looked for.
            place = self.random.randrange(len(raw))
            raw[place] = self.random.randrange(256)
        return self.predict(bytes(raw))

    def cut(self):
        raw = json.dumps({"records": [self.record()]}).encode()
        return self.predict(
            raw[: self.random.randrange(len(raw))] + self.random.choice([b"", b"\x00", b"}}]]"])
        )

    def twice(self):
        name = self.random.choice(["records", "ids"])
        text = (
            json.dumps({"records": [self.record()]})[:-1]
            + f', "{name}": ["{SECRET}"], "{name}": [{NUMBER}]}}'
        )
        return self.predict(text.encode())

    def kind(self):
        kind = self.random.choice(KINDS)
        return self.predict({"records": [self.record()]}, {"content-type": kind} if kind else {})

    def ids(self):
        bad = [[SECRET], [SECRET] * 2, [NUMBER, None], SECRET, {SECRET: 1}, [SECRET * 20, "a"], ["", SECRET],
               [SECRET + "\n", "a"], ["\ud800" + SECRET, "a"], [[SECRET], "a"]]  # fmt: skip
        return self.predict({"records": [self.good, self.good], "ids": self.random.choice(bad)})

    def label(self):
        label = {"id": self.random.choice([SECRET, NUMBER, None, ""]), "label": self.value()}
        shapes = [
            {"labels": [label]},
            {"labels": label},
            [label],
            {"labels": [self.value()]},
            {"labels": [label] * 51},
        ]
        return "/v1/feedback", self.random.choice(shapes), JSON

    def columns(self):
        table = {name: [value] * self.random.randint(1, 2) for name, value in self.record().items()}
        table[self.random.choice(sorted(table))] = self.random.choice([self.value(), [self.value()]])
        return self.predict({"columns": table})

    def noise(self):
        raw = self.random.randbytes(self.random.randrange(200)) + SECRET.encode()
        return self.random.choice(["/v1/predict", "/v1/feedback"]), raw, JSON


class Lines(logging.Handler):
    """Keeps what the server's process would have printed."""

    def __init__(self):
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines = []

    def emit(self, record):
        # The caller's own library, which is in this process only here.
        if record.name.partition(".")[0] != "httpx":
            self.lines.append(self.format(record))


@pytest.fixture
def printed():
    lines, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(lines)
    root.setLevel(logging.INFO)
    yield lines.lines
    root.setLevel(before)
    root.removeHandler(lines)


def leaks(text, allowed=()):
    return [leak for leak in LEAKS if leak in text and leak not in allowed]


def test_ten_thousand_bad_bodies(bundle, model, good, tmp_path, printed):
    told = Settings(log_dir=tmp_path, serve=ServeConfig(max_records=50, max_body_kb=64))
    app = create_app(bundle, model, DeltaRequestLog(tmp_path), told)
    bodies = Bodies(SEED, good)
    seen = Counter()

    async def send_all():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://lane") as client,
        ):
            for number in range(COUNT):
                name, path, content, headers = bodies.request(number)
                printed.clear()
                answer = await client.post(path, content=content, headers=headers)
                seen[name, answer.status_code] += 1
                where = f"{name} {number}: {answer.status_code} {answer.text[:300]}"
                assert answer.status_code < 500, where
                assert answer.headers["x-request-id"]
                json.loads(answer.content, parse_constant=pytest.fail)
                # An answer to a good request repeats its ids.
                found = leaks(answer.text) if answer.status_code >= 400 else []
                assert not found, where
                assert not leaks("".join(printed)), printed

    asyncio.run(send_all())
    assert sum(seen.values()) == COUNT
    assert len({name for name, _ in seen}) == len(bodies.makers)
    # They are bad indeed.
    refused = sum(count for (_, status), count in seen.items() if status >= 400)
    assert refused > 0.85 * COUNT, seen
