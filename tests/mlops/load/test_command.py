"""`weighbridge load`, as it is typed."""

import json

import pytest

from mlops.cli.main import main

EXAMPLE = {"records": [{"age": 31}]}


def document(content):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)


def openapi(route="/v1/predict", **examples):
    media = {"application/json": {"examples": examples}}
    return json.dumps({"paths": {route: {"post": {"requestBody": {"content": media}}}}}).encode()


@pytest.fixture
def weighbridge(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


QUICK = ("--clients", "2", "--seconds", "0.2")


def test_a_load_on_the_servers_own_example(scripted, weighbridge, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", "wb_s3cr3t")
    server = scripted(
        lambda number: ([document(b"{}" if number else openapi(many={"value": EXAMPLE}))], False)
    )
    code, out, _ = weighbridge("load", server.url, *QUICK, "--json", str(tmp_path / "found.json"))
    assert code == 0
    assert "2 clients" in out
    for part in ("answered", "a second", "p50", "p90", "p95", "p99", "max"):
        assert part in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["answered"] == len(server.requests) - 1
    assert found["failed"] == {}
    assert found["latency_ms"]["p50"] <= found["latency_ms"]["max"]
    body = server.requests[1][1]
    assert json.loads(body) == EXAMPLE
    assert all(any(b"Bearer wb_s3cr3t" in line for line in lines) for lines, _ in server.requests)
    assert "wb_s3cr3t" not in out


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"age": 1}, {"records": [{"age": 1}]}),
        ([{"age": 1}, {"age": 2}], {"records": [{"age": 1}, {"age": 2}]}),
        ({"records": [{"age": 1}], "ids": ["a"]}, {"records": [{"age": 1}], "ids": ["a"]}),
        ({"record": {"age": 1}, "id": "a"}, {"record": {"age": 1}, "id": "a"}),
        ({"columns": {"age": [1, 2]}}, {"columns": {"age": [1, 2]}}),
        # A record whose fields are only called like the parts of a body.
        ({"columns": 3, "record": "x"}, {"records": [{"columns": 3, "record": "x"}]}),
        ({"records": [1], "age": 1}, {"records": [{"records": [1], "age": 1}]}),
    ],
)
def test_a_record_of_ones_own(scripted, weighbridge, tmp_path, content, body):
    server = scripted(lambda number: ([b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n"], False))
    (tmp_path / "record.json").write_text(json.dumps(content))
    options = ("--rate", "50", "--record", str(tmp_path / "record.json"))
    code, out, _ = weighbridge("load", server.url, *QUICK, *options)
    assert code == 1
    assert "planned at 50/s" in out
    assert "10: HTTP 429" in out
    assert "latency" not in out
    assert json.loads(server.requests[0][1]) == body


def test_a_model_that_writes_is_asked_where_it_answers(scripted, weighbridge, tmp_path):
    example = openapi("/v1/generate", many={"value": {"records": [{"title": "a mug"}]}})
    server = scripted(lambda number: ([document(b"{}" if number else example)], False))
    code, out, _ = weighbridge("load", server.url, *QUICK)
    assert (code, f"{server.url}/v1/generate: " in out) == (0, True)
    assert server.requests[1][0][0].startswith(b"POST /v1/generate ")
    (tmp_path / "record.json").write_text('{"columns": {"title": ["a mug", "a cup"]}}')
    own = ("--record", str(tmp_path / "record.json"), "--route", "/v1/generate")
    code, out, _ = weighbridge("load", server.url, *QUICK, *own)
    assert (code, "2 record(s) a request" in out) == (0, True)
    assert server.requests[-1][0][0].startswith(b"POST /v1/generate ")


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"<html>", "has no example"), (b"{}", "has no example"), (openapi(), "has no example")],
)
def test_a_server_without_an_example(scripted, weighbridge, said, found):
    server = scripted(lambda _: ([document(said)], False))
    code, _, message = weighbridge("load", server.url, *QUICK)
    assert (code, found in message) == (3, True)


def test_mistakes(weighbridge, tmp_path):
    (tmp_path / "record.json").write_text("{")
    record = str(tmp_path / "record.json")
    assert weighbridge("load", "http://127.0.0.1:9", *QUICK)[0] == 4
    assert weighbridge("load", "http://127.0.0.1:9", "--record", record)[0] == 3
    assert weighbridge("load", "lane", "--record", record)[0] == 3
    assert "coordinated omission" in " ".join(weighbridge("load", "--help")[1].split())
