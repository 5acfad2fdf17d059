"""The section serve.access: what it refuses, and that it repeats no password."""

import pytest
from pydantic import ValidationError

from evaluation.errors import UserError
from mlops.serving.access.access import Access
from mlops.serving.access.binding import require_guarded
from mlops.serving.access.config import AccessConfig
from mlops.serving.access.keys import API_KEYS

OIDC = {"issuer": "https://issuer.example", "audience": "weighbridge"}


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"open": True, "keys": True}, "contradicts"),
        ({"open": True, "oidc": OIDC}, "contradicts"),
        ({"cors": ["*"], "keys": True}, "name the origins"),
        ({"cors": ["*"], "oidc": OIDC}, "name the origins"),
        ({"cors": ["http://shop.example"]}, "https://"),
        ({"cors": ["https://shop.example/"]}, "nothing after it"),
        ({"cors": ["https://shop.example/page"]}, "nothing after it"),
        ({"cors": ["null"]}, "a host"),
        ({"rate": "100"}, "pattern"),
        ({"rate": "0/second"}, "pattern"),
        ({"rate": "100/fortnight"}, "pattern"),
        ({"quota": "1e9/day"}, "pattern"),
        ({"storage": "memcached://host"}, "redis://"),
        ({"storage": "redis://"}, "redis://"),
        ({"storage": "redis://:hunter2@host"}, "WEIGHBRIDGE_REDIS_PASSWORD"),
        ({"storage": "rediss://me:hunter2@host:6379/0"}, "WEIGHBRIDGE_REDIS_PASSWORD"),
        ({"storage": "redis://host?password=hunter2"}, "WEIGHBRIDGE_REDIS_PASSWORD"),
        ({"key": True}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused_without_a_word_of_it(section, complaint):
    with pytest.raises(ValidationError) as caught:
        AccessConfig.model_validate(section)
    assert complaint in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_what_fits():
    found = AccessConfig.model_validate_json(
        '{"keys": true, "oidc": {"issuer": "http://localhost:9000", "audience": "w"}, "rate": "100/second",'
        ' "quota": "10000/day", "storage": "redis://host:6379/2", "cors": ["https://shop.example", "http://localhost:3000"]}'
    )
    assert found.controlled
    assert AccessConfig.model_validate_json(found.model_dump_json()) == found
    assert not AccessConfig().controlled
    assert AccessConfig.model_validate({"open": True, "cors": ["*"]}).cors == ("*",)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lane.example", "", "fe80::1%eth0"])
def test_other_machines_are_let_in_only_on_purpose(host):
    with pytest.raises(UserError) as caught:
        require_guarded(host, AccessConfig())
    for way_out in ("keys: true", "oidc: {", "open: true", "--open"):
        assert way_out in caught.value.expected
    for section in ({"keys": True}, {"oidc": OIDC}, {"open": True}):
        require_guarded(host, AccessConfig.model_validate(section))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_loopback_nothing_is_asked(host):
    require_guarded(host, AccessConfig())


def test_where_nothing_is_asked_for_there_is_no_door():
    access = Access.of(AccessConfig(), namespace="lending", environment={})
    assert (access.authenticator, access.limits) == (None, None)
    access.start()


def test_a_server_without_the_keys_that_it_asks_for_does_not_start():
    with pytest.raises(UserError, match=API_KEYS):
        Access.of(AccessConfig(keys=True), namespace="lending", environment={})
