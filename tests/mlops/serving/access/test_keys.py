"""API keys: kept hashed, noticed when they change, secret in every message."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evaluation.errors import UserError
from mlops.serving.access.callers import Caller, Scope
from mlops.serving.access.keys import API_KEYS, PATTERN, KeyFile, Keyring, as_json, make_key, read_keys
from mlops.serving.access.keywatch import KeyWatch
from mlops.serving.access.reasons import Reason

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return KeyFile.of(tmp_path)


def made(file, *scopes, name="shop", **options):
    text, key = make_key(name, scopes or [Scope.PREDICT], now=NOW, **options)
    file.add(key)
    return text


def watch(file):
    return KeyWatch.of({API_KEYS: str(file.path)})


def test_a_key_is_long_random_and_of_its_own_form():
    keys = [make_key("shop", [Scope.PREDICT], now=NOW)[0] for _ in range(100)]
    assert all(PATTERN.fullmatch(key) for key in keys)
    assert len({key[3:15] for key in keys}) == len({key[16:] for key in keys}) == 100
    assert len(bytes.fromhex(keys[0][16:])) * 8 == 256


@pytest.mark.parametrize("name", ["", " shop", "a" * 64, "a\nb", "<b>", "[red]"])
def test_a_name_has_to_print(name):
    with pytest.raises(UserError, match="cannot be a key's name"):
        make_key(name, [Scope.PREDICT], now=NOW)


def test_the_file_holds_no_key_and_only_its_owner_reads_it(file):
    old = os.umask(0)
    try:
        text = made(file, Scope.PREDICT, Scope.FEEDBACK, lasts=timedelta(days=90))
    finally:
        os.umask(old)
    content = file.path.read_text()
    assert text[16:] not in content
    assert text[3:15] in content
    assert file.path.stat().st_mode & 0o777 == 0o600
    (key,) = file.read()
    assert (key.name, key.created, key.expires) == ("shop", NOW, NOW + timedelta(days=90))
    assert Keyring([key]).check(text, NOW.timestamp()) == Caller(
        f"key:{text[3:15]}", frozenset({Scope.PREDICT, Scope.FEEDBACK})
    )


def test_what_is_written_is_read(file):
    keys = [make_key(f"k{n}", list(Scope)[:n], now=NOW)[1] for n in (1, 2, 3)]
    keys[1] = replace(keys[1], revoked=NOW, expires=NOW)
    assert read_keys(as_json(keys)) == tuple(keys)


def test_a_key_is_found_by_its_id_only_with_all_of_its_secret(file):
    one, two = made(file), made(file)
    ring = Keyring(file.read())
    swapped = one[:16] + two[16:]
    assert ring.check(swapped, 0) is Reason.WRONG_SECRET
    for end in range(16, len(one)):
        assert ring.check(one[:end], 0) is Reason.MALFORMED
    assert ring.check(one + "0", 0) is Reason.MALFORMED
    assert ring.check(one + "\n", 0) is Reason.MALFORMED


def test_an_expiry_counts_to_the_second(file):
    text = made(file, lasts=timedelta(days=1))
    ring = Keyring(file.read())
    end = (NOW + timedelta(days=1)).timestamp()
    assert isinstance(ring.check(text, end - 0.001), Caller)
    assert ring.check(text, end) is Reason.EXPIRED_KEY


def test_revoking_stays_and_says_which_ids_there_are(file):
    first, second = made(file), made(file, name="ops")
    file.revoke(first[3:15], now=NOW)
    again = file.revoke(first[3:15], now=NOW + timedelta(days=1))
    assert again.revoked == NOW
    assert [key.state(NOW) for key in file.read()] == ["revoked", "in use"]
    with pytest.raises(UserError, match=f"one of: {first[3:15]}, {second[3:15]}"):
        file.revoke("0" * 12, now=NOW)


def test_keys_that_are_made_at_once_are_all_kept(file):
    threads = [threading.Thread(target=made, args=(file,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(file.read()) == 8


def entries(*changes):
    plain = {
        "id": "0" * 12,
        "name": "a",
        "scopes": ["admin"],
        "created": "2026-01-01T00:00:00Z",
        "sha256": "0" * 64,
    }
    return json.dumps({"keys": [plain | change for change in changes]})


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        '{"keys": [], "more": 1}',
        entries({"id": "secret-marker"}),
        entries({"scopes": ["secret-marker"]}),
        entries({"scopes": []}),
        entries({"created": "2026-01-01T00:00:00"}),
        entries({"sha256": "secret-marker"}),
        entries({}, {}),
    ],
)
def test_a_file_of_something_else_is_refused_and_not_quoted(file, content):
    file.path.parent.mkdir(parents=True)
    file.path.write_text(content)
    for read in (file.read, lambda: watch(file), lambda: KeyWatch.of({API_KEYS: content})):
        with pytest.raises(UserError) as caught:
            read()
        assert "secret-marker" not in str(caught.value)


def test_a_server_that_wants_keys_needs_to_be_told_where():
    with pytest.raises(UserError, match=API_KEYS):
        KeyWatch.of({})


def test_keys_can_come_in_the_environment(file):
    text = made(file)
    found = KeyWatch.of({API_KEYS: f"\n {file.path.read_text()}"})
    assert isinstance(found.check(text), Caller)
    found.start()
    found.look()
    found.mark()
    found.close()


def test_a_running_server_notices_new_and_revoked_keys(file):
    old = made(file)
    known = watch(file)
    assert isinstance(known.check(old), Caller)
    new = made(file)
    assert known.check(new) is Reason.UNKNOWN_KEY
    known.look()
    assert isinstance(known.check(old), Caller)
    assert isinstance(known.check(new), Caller)
    file.revoke(old[3:15], now=NOW)
    known.look()
    assert known.check(old) is Reason.REVOKED_KEY
    assert isinstance(known.check(new), Caller)


def test_a_slip_of_the_hand_shuts_nobody_out_and_a_removed_file_everybody(file, caplog):
    text = made(file)
    known = watch(file)
    good = file.path.read_bytes()
    file.path.write_bytes(good[:-9])
    known.look()
    known.look()
    assert isinstance(known.check(text), Caller)
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == [
        "keys not read, the last good ones stay"
    ]
    file.path.unlink()
    known.look()
    assert known.check(text) is Reason.UNKNOWN_KEY
    file.path.write_bytes(good)
    known.look()
    assert isinstance(known.check(text), Caller)


def test_a_server_can_start_before_the_first_key_is_made(file):
    known = watch(file)
    text = made(file)
    known.look()
    assert isinstance(known.check(text), Caller)


def test_the_file_is_read_only_when_it_is_another_one(file, monkeypatch):
    made(file)
    known = watch(file)
    monkeypatch.setattr("mlops.serving.access.keywatch.read_keys", lambda _: pytest.fail("read again"))
    for _ in range(5):
        known.look()


def test_it_is_known_when_a_key_was_last_taken(file):
    text, other = made(file), made(file)
    known = watch(file)
    assert file.last_used(text[3:15]) is None
    known.check(text)
    known.check(other[:-1] + "x")
    known.mark()
    assert abs(file.last_used(text[3:15]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert file.last_used(other[3:15]) is None
    os.utime(file.path.parent / "used" / text[3:15], (0, 0))
    known.check(text)
    known.mark()
    assert file.last_used(text[3:15]).year == 1970  # once a minute is enough


def test_where_nothing_can_be_written_keys_still_count(file):
    text = made(file)
    known = watch(file)
    (file.path.parent / "used").write_text("")
    known.check(text)
    known.mark()
    assert isinstance(known.check(text), Caller)


def test_no_repr_shows_what_is_secret(file):
    text = made(file)
    (key,) = file.read()
    known = watch(file)
    shown = " ".join(map(repr, (key, key.caller, known, file, Keyring([key]))))
    assert text[16:] not in shown
    assert key.digest.hex() not in shown
    assert str(key.digest) not in shown
