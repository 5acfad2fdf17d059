"""Ports: a free one, and a clear word when it is taken."""

import os
import socket

import pytest

from evaluation.errors import EnvironmentProblem, ExitCode
from mlops.rollout import ports


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_free_port_lies_below_those_of_outgoing_connections():
    port = ports.free_port("127.0.0.1")
    assert 20_000 <= port < 32_000
    ports.require_free("127.0.0.1", port)


def test_a_taken_port_is_named_with_who_has_it(listener):
    with pytest.raises(EnvironmentProblem) as caught:
        ports.require_free("127.0.0.1", listener)
    assert f"port {listener} on 127.0.0.1 is in use by " in caught.value.found
    assert f"(process {os.getpid()})" in caught.value.found
    assert f"kill {os.getpid()}, or set serve.port in weighbridge.yaml" in caught.value.next_step
    assert caught.value.exit_code is ExitCode.ENVIRONMENT


def test_a_taken_port_is_named_also_when_the_system_does_not_tell_by_whom(listener, monkeypatch):
    monkeypatch.setattr(ports, "holder", lambda port: None)
    with pytest.raises(EnvironmentProblem, match=r"is in use\n"):
        ports.require_free("127.0.0.1", listener)


def test_a_port_that_just_closed_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    ports.require_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(EnvironmentProblem, match=r"cannot listen on 192\.0\.2\.1"):
        ports.free_port("192.0.2.1")


@pytest.mark.parametrize(
    ("host", "numeric"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1")]
)
def test_address(host, numeric):
    assert ports.address(host) == numeric


@pytest.mark.parametrize("host", ["no such host", "127.0.0.1\nbind *:1", "x" * 300])
def test_what_is_no_address(host):
    with pytest.raises(EnvironmentProblem, match="is not an address"):
        ports.address(host)
