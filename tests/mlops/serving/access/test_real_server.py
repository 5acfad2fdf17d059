"""The door of a real server process, with keys from a file that changes, and with an issuer's tokens."""

import json
import socket
import time
from datetime import UTC, datetime

import httpx
import pytest

from evaluation.errors import ExitCode
from mlops.config import RolloutConfig
from mlops.rollout.controller import Rollout
from mlops.rollout.targets.build import build_target
from mlops.serving.access.callers import Scope
from mlops.serving.access.keys import API_KEYS, KeyFile, make_key
from mlops.serving.command import main
from mlops.serving.config import ServeConfig


@pytest.fixture
def serve(tmp_path, bundle, servers):
    with servers(tmp_path, str(bundle.path)) as start:
        yield lambda *, access, **environment: start("--serve", json.dumps({"access": access}), **environment)


@pytest.fixture
def file(tmp_path):
    return KeyFile.of(tmp_path)


def made(file, *scopes):
    text, key = make_key("shop", scopes, now=datetime.now(UTC))
    file.add(key)
    return text


def ask(server, key, good, path="/v1/predict"):
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{server.url}{path}", json={"records": [good]}, headers=headers)


def scrape(server, key):
    answer = httpx.get(f"{server.url}/metrics", headers={"authorization": f"Bearer {key}"})
    return [line for line in answer.text.splitlines() if line.startswith("weighbridge_refusals_total")]


def test_a_new_key_counts_and_a_revoked_one_does_not_within_two_seconds(serve, file, good):
    old, admin = made(file, Scope.PREDICT), made(file, Scope.ADMIN)
    server = serve(access={"keys": True}, **{API_KEYS: str(file.path)})
    assert ask(server, old, good).status_code == 200
    new = made(file, Scope.PREDICT)
    file.revoke(old[3:15], now=datetime.now(UTC))
    changed = time.monotonic()
    seen = []
    while seen != [200, 401]:
        assert time.monotonic() - changed < 60
        seen = [ask(server, key, good).status_code for key in (new, old)]
        time.sleep(0.05)
    assert time.monotonic() - changed < 10  # one second and what this machine takes
    assert ask(server, "wb_" + "0" * 12 + "_" + "0" * 64, good).status_code == 401
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    lines = scrape(server, admin)
    for reason in ("revoked_key", "unknown_key", "missing"):
        assert any(f'reason="{reason}"' in line for line in lines)
    assert server.end() == 0
    output = server.output.read_text()
    for key in (old, new, admin):
        assert key not in output
        assert key[16:] not in output
    assert any(line.get("reason") == "revoked_key" for line in server.lines())
    assert any(line.get("caller") == f"key:{new[3:15]}" for line in server.lines())


def test_tokens_and_keys_from_the_environment_side_by_side_under_one_rate(
    serve, file, issuer, stranger, good
):
    key = made(file, Scope.PREDICT)
    access = {"keys": True, "oidc": {"issuer": issuer.url, "audience": "weighbridge"}, "rate": "3/day"}
    server = serve(access=access, **{API_KEYS: file.path.read_text()})
    assert {ask(server, f"x{n}", good).status_code for n in range(20)} == {401}
    assert ask(server, stranger.token(iss=issuer.url), good).status_code == 401
    assert [ask(server, issuer.token(), good).status_code for _ in range(4)] == [200] * 3 + [429]
    assert [ask(server, key, good).status_code for _ in range(4)] == [200] * 3 + [429]
    assert ask(server, issuer.token(sub="other", scope="feedback"), good).status_code == 403
    assert server.end() == 0


def test_a_body_that_never_comes_is_not_waited_for(servers, bundle, tmp_path):
    with servers(tmp_path, str(bundle.path)) as start:
        server = start("--serve", json.dumps({"timeout_s": 0.3}))
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(
                b"POST /v1/predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                b"content-length: 100\r\n\r\n{"
            )
            answer = b""
            while part := line.recv(65_536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive in time" in answer
        assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "on 0.0.0.0 other machines could ask the model"),
        (["--host", "::", "--serve", '{"access": {"rate": "1/second"}}'], "on :: other machines"),
        (["--open", "--serve", '{"access": {"keys": true}}'], "--open contradicts"),
        (["--serve", '{"access": {"storage": "redis://:hunter2@h"}}'], "WEIGHBRIDGE_REDIS_PASSWORD"),
    ],
)
def test_what_would_be_unsafe_does_not_start(tmp_path, bundle, capsys, options, said):
    code = main([str(bundle.path), "--port", "0", "--log-dir", str(tmp_path / "log"), *options])
    complaint = capsys.readouterr().err
    assert code == ExitCode.USER_ERROR
    assert said in complaint
    assert "hunter2" not in complaint


def test_open_to_all_on_purpose(tmp_path, bundle, good, servers):
    with servers(tmp_path, str(bundle.path)) as start:
        server = start("--host", "0.0.0.0", "--open")
        assert httpx.post(f"{server.url}/v1/predict", json={"records": [good]}).status_code == 200


def test_a_deployment_asks_for_the_keys_of_its_home(tmp_path, bundle, good, monkeypatch):
    monkeypatch.delenv(API_KEYS, raising=False)
    home = tmp_path / "home"
    key = made(KeyFile.of(home), Scope.PREDICT)
    serve = ServeConfig.model_validate({"port": 0, "access": {"keys": True, "rate": "2/day"}})
    settings = RolloutConfig(ready_within_s=120)
    rollout = Rollout(home, serve, settings, build_target(settings, serve, home))
    names = {"model": bundle.model, "version": bundle.version, "release_id": bundle.release_id}
    try:
        url = rollout.deploy(str(bundle.path), **names).url
        headers = {"authorization": f"Bearer {key}"}
        ask = lambda **sent: httpx.post(f"{url}/v1/predict", json={"records": [good]}, **sent).status_code  # noqa: E731
        assert [ask(), ask(headers=headers), ask(headers=headers), ask(headers=headers)] == [
            401,
            200,
            200,
            429,
        ]
        assert httpx.get(f"{url}/model", headers=headers).status_code == 403
        assert httpx.get(f"{url}/health/ready").json() == {"status": "ready", "version": bundle.version}
    finally:
        rollout.stop()
    logs = [path.read_text() for path in (home / "serving" / "lanes").glob("*.log")]
    assert len(logs) == 1
    assert key[16:] not in logs[0]
