"""What the Docker target asks the engine for; tests/docker asks a real one."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from evaluation.errors import UserError
from mlops.rollout.targets.docker import DockerTarget
from mlops.serving.access.config import REDIS_PASSWORD
from mlops.serving.access.keys import API_KEYS
from mlops.serving.config import ServeConfig
from mlops.serving.log.config import LOG_KEY

IMAGE = "registry.example/lending@sha256:" + "0" * 64
NAMES = {"version": "3", "release_id": "r", "model": "lending"}
LABELS = {"weighbridge.version": "3", "weighbridge.release": "r", "weighbridge.model": "lending"}


class Engine:
    """Has the image, and remembers how a container is made."""

    created: tuple[str, ...] = ()

    def require_engine(self):
        pass

    def answers(self, *words):
        return True

    def ask(self, *words, **_):
        if words[0] == "create":
            self.created = words
            return "f" * 64
        return json.dumps(LABELS) if words[:2] == ("image", "inspect") else ""


@pytest.fixture
def created(tmp_path, monkeypatch):
    monkeypatch.delenv(API_KEYS, raising=False)
    monkeypatch.delenv(REDIS_PASSWORD, raising=False)

    monkeypatch.delenv(LOG_KEY, raising=False)

    def create(log=None, **access):
        engine = Engine()
        serve = ServeConfig.model_validate({"access": access, "log": log or {}})
        target = DockerTarget(serve, tmp_path / "access" / "keys.json", engine)
        target.start(IMAGE, **NAMES, port=20801, log_dir=tmp_path / "log")
        before, after = (
            engine.created[: engine.created.index(IMAGE)],
            engine.created[engine.created.index(IMAGE) :],
        )
        return before, after

    return create


def pairs(words, option):
    return [value for name, value in pairwise(words) if name == option]


def test_without_access_control_it_is_open_and_published_on_loopback_only(created):
    options, command = created()
    assert "--open" in command
    assert pairs(options, "--publish") == ["127.0.0.1:20801:8080"]
    assert "FORWARDED_ALLOW_IPS=*" in pairs(options, "--env")
    assert not [word for word in pairs(options, "--env") if word.startswith(API_KEYS)]


def test_keys_come_by_their_folder_and_cannot_be_changed(created, tmp_path):
    options, command = created(keys=True)
    assert "--open" not in command
    assert f"{tmp_path / 'access'}:/run/weighbridge/access:ro" in pairs(options, "--volume")
    assert f"{API_KEYS}=/run/weighbridge/access/keys.json" in pairs(options, "--env")
    assert (tmp_path / "access").is_dir()


def test_another_file_of_keys_can_be_named(created, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere" / "ours.json"
    monkeypatch.setenv(API_KEYS, str(other))
    options, _ = created(keys=True)
    assert f"{other.parent}:/run/weighbridge/access:ro" in pairs(options, "--volume")
    assert f"{API_KEYS}=/run/weighbridge/access/ours.json" in pairs(options, "--env")


def test_secrets_of_the_environment_stand_in_no_command(created, monkeypatch):
    monkeypatch.setenv(API_KEYS, '{"keys": []}')
    monkeypatch.setenv(REDIS_PASSWORD, "hunter2")
    options, command = created(keys=True, rate="1/second", storage="redis://127.0.0.1")
    assert pairs(options, "--env").count(API_KEYS) == pairs(options, "--env").count(REDIS_PASSWORD) == 1
    assert len(pairs(options, "--volume")) == 1
    assert not [word for word in (*options, *command) if "hunter2" in word or word == '{"keys": []}']


def test_tokens_need_neither(created):
    options, command = created(oidc={"issuer": "https://issuer.example", "audience": "w"})
    assert "--open" not in command
    assert len(pairs(options, "--volume")) == 1
    assert json.loads(command[command.index("--serve") + 1])["access"]["oidc"]["audience"] == "w"
    assert Path(pairs(options, "--volume")[0].partition(":")[0]).name == "log"


def test_the_log_gets_its_key_and_its_store_by_name(created, monkeypatch):
    monkeypatch.setenv(LOG_KEY, "hunter2" * 3)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert LOG_KEY not in pairs(created()[0], "--env")
    assert "AWS_SECRET_ACCESS_KEY" not in pairs(created()[0], "--env")
    options, command = created(log={"at": "s3://bucket/log", "redact": {"name": "hash"}})
    assert {LOG_KEY, "AWS_SECRET_ACCESS_KEY"} <= set(pairs(options, "--env"))
    assert not [word for word in (*options, *command) if "hunter2" in word]


def test_hashes_need_a_key_that_containers_share(created):
    with pytest.raises(UserError, match="can't see the key"):
        created(log={"redact": {"name": "hash"}})
