"""What is private is changed before it is written, the same way each time, with a key of one's own."""

import datetime as dt
import stat
import threading
from dataclasses import replace

import pytest
from pydantic import ValidationError

from evaluation.errors import EnvironmentProblem, UserError
from mlops.serving.log.config import IDS, LOG_KEY, LogConfig, Redaction
from mlops.serving.log.privacy import Privacy, log_key
from monitoring.store.base import LabelRecord, RequestRecord

# Test case 2: key "Jefe".
RFC_4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def cleaned(privacy, **inputs):
    record = RequestRecord("1", NOW, "m", "1", "r", 1.0, 1, None, inputs, ("range",), "shop")
    (found,) = privacy.clean([record])
    assert (found.id, found.guards, found.caller) == ("1", ("range",), "shop")
    assert record.inputs == inputs
    return found.inputs


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.delenv(LOG_KEY, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "weighbridge"


@pytest.mark.parametrize(
    ("how", "value", "written"),
    [
        (Redaction.DROP, "Ada", None),
        (Redaction.DROP, 0, None),
        (Redaction.MASK, "Ada L.", "******"),
        (Redaction.MASK, "größe", "*****"),
        (Redaction.MASK, 4711, "****"),
        (Redaction.MASK, True, "****"),
        (Redaction.MASK, None, None),
        (Redaction.HASH, None, None),
        (Redaction.HASH, "what do ya want for nothing?", RFC_4231),
    ],
)  # fmt: skip
def test_what_is_written(how, value, written):
    assert cleaned(Privacy({"name": how}, b"Jefe"), name=value, age=1) == {"name": written, "age": 1}


@pytest.mark.parametrize(
    ("how", "written"),
    [
        (Redaction.DROP, None),
        (Redaction.MASK, ("****************************",)),
        (Redaction.HASH, (RFC_4231,)),
    ],
)
def test_what_is_written_of_documents(how, written, caplog):
    inputs = {"question": "Who?"}
    record = RequestRecord(
        "1", NOW, "m", "1", "r", 1.0, "A.", None, inputs, sources=("what do ya want for nothing?",)
    )
    (found,) = Privacy({"sources": how}, b"Jefe").clean([record])
    assert (found.inputs, found.sources) == (inputs, written)
    assert caplog.messages == []
    (unknown,) = Privacy({"sources": how}, b"Jefe").clean([replace(record, sources=None)])
    assert unknown.sources is None


@pytest.mark.parametrize(
    ("how", "written"),
    [(Redaction.DROP, None), (Redaction.MASK, "*" * 28), (Redaction.HASH, RFC_4231)],
)
def test_what_is_written_of_answers_and_labels(how, written, caplog):
    said = "what do ya want for nothing?"
    record, label = (
        RequestRecord("1", NOW, "m", "1", "r", 1.0, said, None, {"q": "?"}),
        LabelRecord("1", NOW, said),
    )
    privacy = Privacy({"prediction": how, "target": how}, b"Jefe")
    assert privacy.clean([record]) == [replace(record, label=written)]
    assert privacy.clean_labels([label]) == [replace(label, label=written)]
    only = Privacy({"q": how}, b"Jefe")
    assert only.clean([record])[0].label == said
    assert only.clean_labels([label]) == [label]
    assert caplog.messages == []


def test_a_label_and_a_prediction_that_are_one_have_one_hash():
    privacy = Privacy({"prediction": Redaction.HASH, "target": Redaction.HASH}, b"k" * 16)
    (record,) = privacy.clean([RequestRecord("1", NOW, "m", "1", "r", 1.0, 1, None, {})])
    (label,) = privacy.clean_labels([LabelRecord("1", NOW, 1.0)])
    assert record.label == label.label != 1


def test_a_field_that_was_not_sent_stays_away():
    assert cleaned(Privacy({"name": Redaction.MASK}), age=1) == {"age": 1}


def test_a_field_that_the_model_does_not_have_is_told_once(caplog):
    privacy = Privacy({"e-mail": Redaction.DROP, "name": Redaction.MASK})
    for _ in range(2):
        cleaned(privacy, email="a@b", name=None)
    assert caplog.messages == ["the policy redacts fields that the model does not have"]
    assert caplog.records[0].facts == {"fields": ["e-mail"]}


def test_a_number_has_one_hash_however_it_is_written():
    privacy = Privacy({"c": Redaction.HASH}, b"k" * 16)
    assert len({cleaned(privacy, c=value)["c"] for value in (17, 17.0, "17")}) == 1
    assert cleaned(privacy, c=17)["c"] in privacy.names("17", "c")


def test_a_subject_is_looked_for_in_clear_too_since_older_rows_may_name_it_so():
    privacy = Privacy({"c": Redaction.HASH}, b"k" * 16)
    assert len(privacy.names("17", "c")) == 2
    assert privacy.names("17", "name") == privacy.names("17", IDS) == {"17"}


class TestKey:
    def test_it_is_made_once_and_only_its_owner_reads_it(self, keys):
        found = set()
        threads = [threading.Thread(target=lambda: found.add(log_key())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 1
        assert [path.name for path in keys.iterdir()] == ["log_key"]
        assert stat.S_IMODE((keys / "log_key").stat().st_mode) == 0o600

    def test_the_environment_comes_first(self, keys, monkeypatch):
        monkeypatch.setenv(LOG_KEY, "a key from a vault")
        assert log_key() == b"a key from a vault"
        assert not keys.exists()

    def test_a_short_one_is_refused_and_not_repeated(self, keys, monkeypatch):
        monkeypatch.setenv(LOG_KEY, "s3cr3t")
        with pytest.raises(UserError, match="holds 6 characters") as told:
            log_key()
        assert "s3cr3t" not in str(told.value)

    def test_no_place_for_it(self, keys):
        keys.write_text("")
        with pytest.raises(EnvironmentProblem, match="no access"):
            log_key()

    def test_without_hashes_there_is_none(self, keys):
        Privacy.of(LogConfig(redact={"name": "mask"}))
        assert not keys.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"subject": "customer", "redact": {"customer": "drop"}}, "erasure finds nothing"),
        ({"subject": "customer", "redact": {"customer": "mask"}}, "erasure finds nothing"),
        ({"keep": "12h"}, "keep"),
        ({"at": "s3://key:secret@host/log"}, "at"),
        ({"at": "/var/log"}, "at"),
        ({"durability": "always"}, "durability"),
        ({"redact": {"name": "encrypt"}}, "redact"),
        ({"compress": True}, "compress"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(content, problem):
    with pytest.raises(ValidationError, match=problem):
        LogConfig.model_validate(content)


def test_a_whole_policy():
    config = LogConfig.model_validate(
        {
            "durability": "journal",
            "at": "s3://bucket/log",
            "keep": "90d",
            "redact": {"email": "drop", "customer": "hash"},
            "subject": "customer",
        }
    )
    assert config.keep == dt.timedelta(days=90)
    assert LogConfig.model_validate_json(config.model_dump_json()) == config
