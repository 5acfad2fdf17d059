"""Which trace a caller names, and that the language model is told of it and of no other."""

import contextlib
import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from evaluation.llm.trace import trace_headers
from evaluation.types import Outputs, Task
from mlops.packaging.load import InputField
from mlops.serving.app import create_app
from mlops.serving.trace_context import trace_of
from mlops.serving.tracing import Tracing

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
STATE = "shop=t61rcWkgMzE,tenant@vendor=a b"


def headers(parent=PARENT, *states):
    parents = [parent] if isinstance(parent, str) else parent
    return [
        *((b"traceparent", each.encode("latin-1")) for each in parents),
        *((b"tracestate", each.encode("latin-1")) for each in states),
        (b"x-request-id", b"r-1"),
    ]


@pytest.mark.parametrize("parent", [PARENT, PARENT[:-1] + "0", "cc" + PARENT[2:], f" {PARENT} "])
def test_a_parent(parent):
    assert trace_of(headers(parent)) == {"traceparent": parent.strip()}


@pytest.mark.parametrize(
    "parent",
    [
        [],
        [PARENT, PARENT],
        "",
        "s3cr3t-4711",
        PARENT.upper(),
        PARENT + "-",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-0\xb2",
    ],
)  # fmt: skip
def test_no_parent(parent):
    assert trace_of(headers(parent, STATE)) == {}


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([STATE], STATE),
        (["shop=1", "other=2"], "shop=1,other=2"),
        (["shop=1, ,"], "shop=1, ,"),
        ([""], None),
        ([","], None),
        (["shop"], None),
        (["Shop=1"], None),
        (["shop=1=2"], None),
        (["shop=1\r\nx-evil: 1"], None),
        (["shop=größe"], None),
        (["shop=" + "x" * 251], "shop=" + "x" * 251),
        (["shop=" + "x" * 257], None),
        ([",".join(f"a{number}=1" for number in range(32))], ",".join(f"a{number}=1" for number in range(32))),
        ([",".join(f"a{number}=1" for number in range(33))], None),
        (["a=" + "x" * 250, "b=" + "x" * 255 + ",c=1"], None),
    ],
)  # fmt: skip
def test_a_state(states, found):
    assert trace_of(headers(PARENT, *states)).get("tracestate") == found


class Writer:
    """Answers with the headers that it would ask a language model with."""

    inputs = (InputField("title", "string", True),)
    classes = ()
    prompt = None

    def predict_rows(self, rows):
        said = np.array([json.dumps(trace_headers())] * len(rows), dtype=object)
        return Outputs(said, facts=pl.DataFrame({"problem": [None] * len(rows)}))


@pytest.fixture
def ask(bundle, settings, memory_log, open_client):
    """Opens a server of that model; a function that asks it for a text, and its client."""

    def build(*, tracing=False):
        serve = settings.serve.model_copy(update={"tracing": tracing})
        writes = dataclasses.replace(bundle, task=Task.GENERATION)
        app = create_app(writes, Writer(), memory_log, dataclasses.replace(settings, serve=serve))
        client = opened.enter_context(open_client(app))
        return lambda **sent: client.post_json({"record": {"title": "A"}}, "/v1/generate", **sent), client

    with contextlib.ExitStack() as opened:
        yield build


def known(answer):
    assert answer.status_code == 200
    return json.loads(answer.json()["generations"][0]["text"])


def test_without_tracing_it_goes_on_as_it_came(ask):
    generate, _ = ask()
    answer = generate(traceparent=PARENT, tracestate=STATE)
    assert known(answer) == {"traceparent": PARENT, "tracestate": STATE}
    assert "traceparent" not in answer.headers
    assert known(generate()) == known(generate(traceparent="s3cr3t", tracestate=STATE)) == {}


def test_a_job_has_it_too(ask):
    generate, client = ask()
    place = generate(traceparent=PARENT, prefer="respond-async").headers["location"]
    while (job := client.get(place).json())["state"] in {"queued", "running"}:
        pass
    assert json.loads(job["answer"]["generations"][0]["text"]) == {"traceparent": PARENT}


def test_with_tracing_the_model_is_asked_within_its_own_span(ask, monkeypatch):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(Tracing, "exporting", lambda **_: Tracing(provider))
    generate, _ = ask(tracing=True)
    found = known(generate(traceparent=PARENT, tracestate="shop=1"))
    (span,) = [span for span in kept.get_finished_spans() if span.name == "model"]
    assert found == {"traceparent": f"00-{TRACE}-{span.context.span_id:016x}-01", "tracestate": "shop=1"}
