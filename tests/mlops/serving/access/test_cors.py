"""What a page of another origin may ask, with the whole application behind it."""

import dataclasses

import pytest

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig

ORIGIN = "https://shop.example"
ASKS = {"access-control-request-method": "POST", "origin": ORIGIN}
SENT = "authorization, content-type, prefer, traceparent, weighbridge-callback, x-request-id"


@pytest.fixture
def door(  # noqa: PLR0917 - fixtures
    bundle, fake_model, memory_log, settings, open_client, monkeypatch
):
    """Opens an application with this section of access."""
    monkeypatch.setenv("WEIGHBRIDGE_API_KEYS", '{"keys": []}')

    def build(**access):
        serve = ServeConfig.model_validate({"access": access})
        told = dataclasses.replace(settings, serve=serve)
        return open_client(create_app(bundle, fake_model(), memory_log, told))

    return build


def test_no_page_of_another_origin_is_let_in_unless_the_policy_names_it(door):
    with door() as client:
        answer = client.post_json({"record": {"age": 1}}, origin=ORIGIN)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert client.request("OPTIONS", "/v1/predict", headers=ASKS).status_code == 405


def test_a_page_that_is_named_may_send_everything_that_the_server_reads(door):
    with door(cors=[ORIGIN], keys=True) as client:
        asked = client.request(
            "OPTIONS", "/v1/predict", headers={**ASKS, "access-control-request-headers": SENT}
        )
        assert asked.status_code == 200, asked.text
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        # A refusal can be read by the page, too.
        refused = client.post_json({"record": {"age": 1}}, origin=ORIGIN)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == ORIGIN
        exposed = refused.headers["access-control-expose-headers"]
        assert {"location", "retry-after", "x-request-id"} <= set(exposed.split(", "))


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://evil.example"},
        {"access-control-request-method": "DELETE"},
        {"access-control-request-headers": "cookie"},
    ],
)
def test_a_page_that_is_not_named_and_what_nobody_reads_are_refused(door, asked):
    with door(cors=[ORIGIN]) as client:
        answer = client.request("OPTIONS", "/v1/predict", headers={**ASKS, **asked})
        assert answer.status_code == 400
        if "origin" in asked:
            assert "access-control-allow-origin" not in answer.headers
            stranger = client.post_json({"record": {"age": 1}}, **asked)
            assert "access-control-allow-origin" not in stranger.headers
