"""What a lane's server gets of its deployer's environment, by what its policy asks for."""

import json
import sys
from itertools import pairwise

import pytest

from mlops.decision.keys import SIGNING_KEY
from mlops.rollout.targets.docker import DockerTarget
from mlops.rollout.targets.environment import needed
from mlops.rollout.targets.local import LocalTarget
from mlops.serving.config import ServeConfig

SECRET = "hunter2-hunter2-hunter2"
# Everything that some server may need, and what none does.
ALL = (
    "WEIGHBRIDGE_WEBHOOK_SECRET", "WEIGHBRIDGE_REDIS_PASSWORD", "WEIGHBRIDGE_LOG_KEY",
    "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "GOOGLE_SERVICE_ACCOUNT", "HTTPS_PROXY", "no_proxy", "MODEL_TOKEN",
    SIGNING_KEY, "WEIGHBRIDGE_API_KEY", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "GITHUB_TOKEN", "PGPASSWORD",
)  # fmt: skip
OTEL = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME")
CASES = {
    "nothing": ({}, set()),
    "webhooks": ({"webhooks": {"allow": ["https://shop.example/*"]}}, {"WEIGHBRIDGE_WEBHOOK_SECRET"}),
    "counts in redis": (
        {"access": {"rate": "1/second", "storage": "redis://counts"}},
        {"WEIGHBRIDGE_REDIS_PASSWORD"},
    ),
    "redis that nothing is counted in": ({"access": {"storage": "redis://counts"}}, set()),
    "hashes": ({"log": {"redact": {"name": "hash"}}}, {"WEIGHBRIDGE_LOG_KEY"}),
    "other redactions": ({"log": {"redact": {"name": "drop"}}}, set()),
    "log on s3": ({"log": {"at": "s3://b/log"}}, {"AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "no_proxy"}),
    "log on azure": ({"log": {"at": "abfss://b/log"}}, {"AZURE_STORAGE_KEY", "HTTPS_PROXY", "no_proxy"}),
    "log on google": ({"log": {"at": "gs://b/log"}}, {"GOOGLE_SERVICE_ACCOUNT", "HTTPS_PROXY", "no_proxy"}),
    "tokens": (
        {"access": {"oidc": {"issuer": "https://id.example", "audience": "w"}}},
        {"HTTPS_PROXY", "no_proxy"},
    ),
    "traces": ({"tracing": True}, {*OTEL, "HTTPS_PROXY", "no_proxy"}),
    "what the model reads": ({"environment": ["MODEL_TOKEN", "ABSENT"]}, {"MODEL_TOKEN"}),
}


@pytest.mark.parametrize(("policy", "expected"), CASES.values(), ids=CASES.keys())
def test_exactly_what_the_policy_needs(policy, expected):
    environment = dict.fromkeys((*ALL, *OTEL), SECRET)
    found = needed(ServeConfig.model_validate(policy), environment)
    assert found == dict.fromkeys(sorted(expected), SECRET)


@pytest.mark.parametrize(("tracing", "told"), [(None, True), (False, False), (True, True)])
def test_a_collector_is_told_unless_traces_are_off(tracing, told):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert (needed(ServeConfig(tracing=tracing), environment) == environment) is told


EVERYTHING = ServeConfig.model_validate(
    {
        "webhooks": {"allow": ["https://shop.example/*"]},
        "access": {"rate": "1/second", "storage": "redis://counts"},
        "log": {"redact": {"name": "hash"}, "at": "s3://b/log"},
        "tracing": True,
        "environment": ["MODEL_TOKEN"],
    }
)
TOLD = {
    *("WEIGHBRIDGE_WEBHOOK_SECRET", "WEIGHBRIDGE_REDIS_PASSWORD", "WEIGHBRIDGE_LOG_KEY"),
    *("AWS_SECRET_ACCESS_KEY", "MODEL_TOKEN", "HTTPS_PROXY", "no_proxy", *OTEL),
}
NAMES = {"version": "3", "release_id": "r", "model": "lending"}


@pytest.fixture
def everything(monkeypatch):
    for name in (*ALL, *OTEL):
        monkeypatch.setenv(name, SECRET)
    # The secret is no key that could be read.
    monkeypatch.setattr("mlops.rollout.targets.local.trust", lambda: type("Trust", (), {"text": "key"}))
    monkeypatch.setattr("mlops.rollout.targets.docker.trust", lambda: type("Trust", (), {"text": "key"}))


def test_a_process_gets_it_in_its_environment(everything, tmp_path):
    (tmp_path / "bundle").mkdir()
    tell = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv]))"
    echo = (sys.executable, "-S", "-E", "-c", tell)
    target = LocalTarget(EVERYTHING, tmp_path / "lanes", tmp_path / "keys.json", command=echo)
    lane = target.start(str(tmp_path / "bundle"), **NAMES, port=20801, log_dir=tmp_path / "log")
    while target.alive(lane):
        pass
    environment, command = json.loads(target.log_tail(lane, lines=1)[0])
    assert {name for name in (*ALL, *OTEL) if name in environment} == TOLD
    assert SECRET not in str(command)


def test_a_container_gets_it_by_name(everything, tmp_path):
    asked = []

    class Engine:
        def require_engine(self):
            pass

        def answers(self, *_):
            return True

        def ask(self, *words, **_):
            asked.append(words)
            labels = {f"weighbridge.{name.removesuffix('_id')}": value for name, value in NAMES.items()}
            return json.dumps(labels) if words[:2] == ("image", "inspect") else "f" * 64

    target = DockerTarget(EVERYTHING, tmp_path / "keys.json", Engine())
    target.start(f"sha256:{'0' * 64}", **NAMES, port=20801, log_dir=tmp_path / "log")
    (create,) = [words for words in asked if words[0] == "create"]
    named = {value for option, value in pairwise(create) if option == "--env"}
    assert {name for name in (*ALL, *OTEL) if name in named} == TOLD
    assert SECRET not in str(asked)
