"""Whatever is wrong with what a caller shows: the same answer, and a reason of its own where it is counted."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.serving.access.callers import Scope
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.keys import PATTERN, Keyring
from mlops.serving.access.keywatch import KeyWatch

NOW = datetime.now(UTC)


def other_secret(key):
    return key[:-1] + ("0" if key[-1] != "0" else "1")


def revoked(keys):
    key = keys.make(Scope.PREDICT)
    keys.kept[-1] = replace(keys.kept[-1], revoked=NOW)
    return key


SHOWN = {
    "nothing": (lambda keys, i, s: [], "missing"),
    "empty": (lambda keys, i, s: [("authorization", "")], "malformed"),
    "another scheme": (lambda keys, i, s: [("authorization", "Basic dTpw")], "malformed"),
    "the scheme alone": (lambda keys, i, s: [("authorization", "Bearer ")], "malformed"),
    "two at once": (lambda keys, i, s: [("authorization", f"Bearer {keys.make()}")] * 2, "malformed"),
    "no ASCII": (lambda keys, i, s: [(b"authorization", b"Bearer \xff\xfe")], "malformed"),
    "half a key": (lambda keys, i, s: keys.make()[:40], "malformed"),
    "100 KB": (lambda keys, i, s: "a" * 100_000, "malformed"),
    "a key that nobody made": (lambda keys, i, s: "wb_" + "0" * 12 + "_" + "0" * 64, "unknown_key"),
    "a key with another secret": (lambda keys, i, s: other_secret(keys.make()), "wrong_secret"),
    "a revoked key": (lambda keys, i, s: revoked(keys), "revoked_key"),
    "an expired key": (
        lambda keys, i, s: keys.make(now=NOW - timedelta(days=2), lasts=timedelta(days=1)),
        "expired_key",
    ),
    "no token": (lambda keys, i, s: "abc", "bad_token"),
    "three dots": (lambda keys, i, s: "...", "bad_token"),
    "deep JSON": (lambda keys, i, s: i.by_hand([[[]]]), "bad_token"),
    "a forged token": (lambda keys, i, s: i.token()[:-10] + "AAAAAAAAAA", "bad_signature"),
    "another's claims": (
        lambda keys, i, s: ".".join(
            [i.token().split(".")[0], i.token(sub="boss").split(".")[1], i.token().split(".")[2]]
        ),
        "bad_signature",
    ),
    "an expired token": (lambda keys, i, s: i.token(exp=int(time.time()) - 60), "expired_token"),
    "a token for tomorrow": (lambda keys, i, s: i.token(nbf=int(time.time()) + 86_400), "early_token"),
    "a token without end": (lambda keys, i, s: i.token(exp=None), "bad_token"),
    "a token of nobody": (lambda keys, i, s: i.token(sub=None), "bad_token"),
    "a token of a long name": (lambda keys, i, s: i.token(sub="a" * 201), "bad_token"),
    "a token of control characters": (lambda keys, i, s: i.token(sub="a\nb"), "bad_token"),
    "a token for another service": (lambda keys, i, s: i.token(aud="payments"), "wrong_audience"),
    "a token that names another issuer": (lambda keys, i, s: i.token(iss=s.url), "wrong_issuer"),
    "a stranger's token": (lambda keys, i, s: s.token(), "bad_signature"),
    "a stranger's token in our issuer's name": (lambda keys, i, s: s.token(iss=i.url), "bad_signature"),
    "algorithm none": (lambda keys, i, s: i.by_hand({"alg": "none", "kid": "one"}), "bad_algorithm"),
    "algorithm NONE": (lambda keys, i, s: i.by_hand({"alg": "NONE", "kid": "one"}), "bad_algorithm"),
    "no algorithm": (lambda keys, i, s: i.by_hand({"kid": "one"}), "bad_algorithm"),
    "a list of algorithms": (lambda keys, i, s: i.by_hand({"alg": ["RS256"], "kid": "one"}), "bad_algorithm"),
    "HMAC with the public key": (
        lambda keys, i, s: i.by_hand({"alg": "HS256", "kid": "one"}, secret=i.public_pem()),
        "bad_algorithm",
    ),
    "an algorithm that is not in the policy": (
        lambda keys, i, s: i.token(algorithm="PS256"),
        "bad_algorithm",
    ),
    "a curve's name with an RSA key": (
        lambda keys, i, s: i.by_hand({"alg": "ES256", "kid": "one"}, secret=b"x"),
        "unknown_signer",
    ),
    "a key's name that is a path": (
        lambda keys, i, s: i.token(headers={"kid": "../../../../dev/null"}),
        "unknown_signer",
    ),
    "a key's name that is SQL": (
        lambda keys, i, s: i.token(headers={"kid": "x' OR 1=1 --"}),
        "unknown_signer",
    ),
    "a key's name that is a list": (
        lambda keys, i, s: i.by_hand({"alg": "RS256", "kid": ["one"]}, secret=b"x"),
        "bad_token",
    ),
    "no key's name": (lambda keys, i, s: i.by_hand({"alg": "RS256"}, secret=b"x"), "unknown_signer"),
    "keys that lie elsewhere": (
        lambda keys, i, s: s.token(key="one", iss=i.url, headers={"kid": "new", "jku": f"{s.url}/jwks"}),
        "unknown_signer",
    ),
    "a key of its own": (
        lambda keys, i, s: s.token(iss=i.url, headers={"kid": "new", "jwk": s.jwk("one")}),
        "unknown_signer",
    ),
    "something critical": (lambda keys, i, s: i.token(headers={"crit": ["x"], "x": 1}), "bad_token"),
}


def shown(case, keys, issuer, stranger):
    made = SHOWN[case][0](keys, issuer, stranger)
    return made if isinstance(made, list) else [("authorization", f"Bearer {made}")]


@pytest.mark.parametrize("case", SHOWN)
def test_every_one_of_them_is_answered_alike_and_counted_apart(  # noqa: PLR0917 - fixtures
    house, keys, issuer, stranger, caplog, case
):
    plain = house(issuer.doorkeeper(keys.watch())).ask_now(headers=[("x-request-id", "r-1")])
    headers = shown(case, keys, issuer, stranger)
    there = house(issuer.doorkeeper(keys.watch()))
    with caplog.at_level("INFO"):
        answer = there.ask_now(headers=[("x-request-id", "r-1"), *headers])
    assert answer.status_code == 401
    assert (answer.content, answer.headers) == (plain.content, plain.headers)
    assert answer.headers["www-authenticate"] == 'Bearer realm="weighbridge"'
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "no key or token that counts came with the request",
        "request_id": "r-1",
    }
    assert there.counts.reasons == [SHOWN[case][1]]
    assert there.counts.kinds == ["Unknown"]
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    secrets = [str(value) for _, value in headers if len(value) > 12]
    assert not [secret for secret in secrets if secret.split(" ")[-1] in logged]
    assert stranger.asked == []


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        ({Scope.PREDICT}, "/v1/predict", 200),
        ({Scope.PREDICT}, "/v1/feedback", 403),
        ({Scope.PREDICT}, "/openapi.json", 200),
        ({Scope.PREDICT}, "/metrics", 403),
        ({Scope.PREDICT}, "/model", 403),
        ({Scope.PREDICT, Scope.FEEDBACK}, "/v1/feedback", 200),
        ({Scope.FEEDBACK}, "/v1/predict", 403),
        ({Scope.FEEDBACK}, "/openapi.json", 403),
        ({Scope.FEEDBACK}, "/docsx", 403),
        ({Scope.ADMIN}, "/metrics", 200),
        ({Scope.ADMIN}, "/model", 200),
        ({Scope.ADMIN}, "/v1/predict", 403),
        ({Scope.ADMIN}, "/new", 200),
        ({Scope.PREDICT, Scope.FEEDBACK}, "/new", 403),
        ({Scope.ADMIN}, "/none", 404),
        ({Scope.PREDICT}, "/v1/jobs/1", 404),
        ({Scope.FEEDBACK, Scope.ADMIN}, "/v1/jobs/1", 403),
        ({Scope.PREDICT}, "/V1/predict", 403),
        ({Scope.PREDICT}, "/health/../metrics", 403),
    ],
)
def test_a_scope_opens_its_routes_and_no_other(  # noqa: PLR0917 - fixtures
    house, keys, issuer, scopes, path, status
):
    sent = {"key": keys.make(*scopes), "token": issuer.token(scope=" ".join(scopes))}
    for kind, credentials in sent.items():
        there = house(issuer.doorkeeper(keys.watch()))
        answer = there.ask_now(path, key=credentials, method="GET")
        assert answer.status_code == status, kind
        assert there.counts.reasons == (["scope"] if status == 403 else [])
        if status == 200:
            assert answer.json()["caller"] == (
                "token:lena" if kind == "token" else f"key:{credentials[3:15]}"
            )


def test_health_and_the_page_of_the_documentation_are_free_and_everything_is_where_access_is_off(
    house, keys, issuer
):
    for path in ("/health/ready", "/docs"):
        answer = house(issuer.doorkeeper(keys.watch())).ask_now(path, method="GET")
        assert answer.json()["caller"] == "anyone"
    for path in ("/v1/predict", "/metrics", "/model", "/openapi.json"):
        assert house().ask_now(path, method="GET").status_code == 200


def test_what_was_not_asked_for_is_not_taken(house, keys, issuer):
    key = keys.make()
    tokens_only = house(issuer.doorkeeper())
    keys_only = house(Doorkeeper(keys.watch(), None))
    assert (tokens_only.ask_now(key=key).status_code, tokens_only.counts.reasons) == (401, ["not_taken"])
    assert (keys_only.ask_now(key=issuer.token()).status_code, keys_only.counts.reasons) == (
        401,
        ["not_taken"],
    )


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda sent: b"Bearer " + sent),
        st.text(max_size=100).map(lambda sent: b"Bearer wb_" + sent.encode()),
        st.from_regex(PATTERN, fullmatch=True).map(lambda sent: b"bearer " + sent.encode()),
        st.dictionaries(
            st.sampled_from(["alg", "kid", "crit", "b64", "typ", "zip", "jwk"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(),
                st.text(max_size=9),
                st.lists(st.text(max_size=3)),
                st.sampled_from(["RS256", "ES256", "one", "none"]),
            ),
        ),
    )
)
def test_no_header_breaks_the_door(issuers, house, sent):
    issuer = issuers[0]
    if isinstance(sent, dict):
        sent = b"Bearer " + issuer.by_hand(sent, secret=b"x").encode()
    # What HTTP itself does not carry never gets here.
    sent = sent.translate(None, b"\r\n\0")
    there = house(issuer.doorkeeper(KeyWatch(Keyring(()))))
    answer = there.ask_now(headers=[(b"authorization", sent)])
    assert answer.status_code == 401
    assert len(there.counts.reasons) == 1


def test_thousands_of_headers_change_nothing(house, keys):
    key = keys.make()
    many = [(f"x-{number}", "a" * 100) for number in range(5000)]
    there = house(Doorkeeper(keys.watch(), None))
    assert there.ask_now(key=key, headers=many).status_code == 200
    assert there.ask_now(headers=many).status_code == 401


def test_browsers_are_told_to_guess_frame_and_keep_nothing(house):
    answer = house().ask_now()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    docs = house().ask_now("/docs", method="GET").headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self'" in docs
    assert "frame-ancestors 'none'" in docs


def test_the_answer_is_a_problem(house, keys):
    answer = house(Doorkeeper(keys.watch(), None)).ask_now()
    assert isinstance(answer, httpx.Response)
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["status"] == 401
