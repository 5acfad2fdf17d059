"""Tokens that count, what they allow, and where the keys that check them come from."""

import asyncio
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import ValidationError

from mlops.serving.access.callers import Caller, Scope
from mlops.serving.access.config import OidcConfig
from mlops.serving.access.reasons import Reason
from mlops.serving.access.signers import IssuerDown, Signers, usable_keys
from mlops.serving.access.tokens import Tokens


def check(issuer, token, **changed):
    config = issuer.config(**changed)
    return asyncio.run(Tokens(config, Signers(config)).check(token))


@pytest.mark.parametrize(("key", "algorithm"), [("one", "RS256"), ("curve", "ES256"), ("one", "PS384")])
def test_a_token_of_the_issuer_counts(issuer, key, algorithm):
    token = issuer.token(key=key, algorithm=algorithm)
    found = check(issuer, token, algorithms=("RS256", "ES256", "PS384"))
    assert found == Caller("token:lena", frozenset({Scope.PREDICT}))
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


def test_the_place_of_the_keys_can_be_named(issuer):
    assert isinstance(check(issuer, issuer.token(), jwks_uri=f"{issuer.url}/jwks"), Caller)
    assert issuer.asked == ["/jwks"]


@pytest.mark.parametrize(
    ("claim", "changed", "allowed"),
    [
        ("predict feedback email", {}, {Scope.PREDICT, Scope.FEEDBACK}),
        (["predict", "admin", 7], {}, {Scope.PREDICT, Scope.ADMIN}),
        ("", {}, set()),
        (None, {}, set()),
        (7, {}, set()),
        ({"predict": True}, {}, set()),
        ("PREDICT", {}, set()),
        ("w:ask predict", {"scopes": {"w:ask": "predict", "w:all": "admin"}}, {Scope.PREDICT}),
        ("predict", {"scopes": {"w:ask": "predict"}}, set()),
    ],
)
def test_scopes_come_from_the_claim(issuer, claim, changed, allowed):
    found = check(issuer, issuer.token(scope=claim), **changed)
    assert found == Caller("token:lena", frozenset(allowed))


def test_scopes_can_come_from_another_claim(issuer):
    found = check(issuer, issuer.token(scope=None, roles=["admin"]), scope_claim="roles")
    assert found == Caller("token:lena", frozenset({Scope.ADMIN}))


def test_clocks_may_differ_by_the_leeway(issuer):
    late = issuer.token(exp=int(time.time()) - 3)
    assert isinstance(check(issuer, late), Caller)
    assert check(issuer, issuer.token(aud=["payments", "weighbridge"])) == check(issuer, issuer.token())


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example",
        "ftp://issuer.example",
        "https://me:secret@issuer.example",
        "issuer.example",
        "https://x/#y",
    ],
)
def test_an_issuer_is_asked_by_https_or_on_loopback(url):
    for changed in ({"issuer": url}, {"issuer": "https://issuer.example", "jwks_uri": url}):
        with pytest.raises(ValidationError):
            OidcConfig(**changed, audience="weighbridge")
    OidcConfig(issuer="https://issuer.example/realm", audience="weighbridge")


@pytest.mark.parametrize("name", ["HS256", "HS512", "none", "None", "ES256K"])
def test_algorithms_are_those_with_two_keys(name):
    with pytest.raises(ValidationError):
        OidcConfig(issuer="https://issuer.example", audience="weighbridge", algorithms=[name])


def as_jwk(key, kind, **more):
    return {**kind.to_jwk(key.public_key(), as_dict=True), **more}


def test_keys_that_cannot_check_are_passed_over():
    algorithms = jwt.algorithms
    good = ec.generate_private_key(ec.SECP256R1())
    listed = [
        as_jwk(good, algorithms.ECAlgorithm, kid="good"),
        as_jwk(good, algorithms.ECAlgorithm, kid="for encryption", use="enc"),
        as_jwk(good, algorithms.ECAlgorithm, kid="for another algorithm", alg="ES384"),
        as_jwk(good, algorithms.ECAlgorithm, kid=["odd"]),
        as_jwk(ec.generate_private_key(ec.SECP384R1()), algorithms.ECAlgorithm, kid="another curve"),
        as_jwk(rsa.generate_private_key(65537, 1024), algorithms.RSAAlgorithm, kid="short"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "broken"},
        {"kty": "RSA", "kid": "empty"},
        "no object",
    ]
    assert set(usable_keys({"keys": listed}, ("RS256", "ES256"))) == {("good", "ES256")}


def test_a_key_alone_needs_no_name():
    key = ed25519.Ed25519PrivateKey.generate()
    alone = as_jwk(key, jwt.algorithms.OKPAlgorithm, kid="only")
    assert set(usable_keys({"keys": [alone]}, ("EdDSA",))) == {("only", "EdDSA"), (None, "EdDSA")}
    assert (None, "EdDSA") not in usable_keys({"keys": [alone, dict(alone, kid="other")]}, ("EdDSA",))


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {"kid": "a"}}])
def test_a_document_without_a_list_is_none(document):
    with pytest.raises(ValueError, match="no list of keys"):
        usable_keys(document, ("RS256",))


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


class Source:
    """Stands for the issuer, so that time can be made to pass."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, config):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {(name, "RS256"): name for name in answer}


CONFIG = OidcConfig(issuer="https://issuer.example", audience="weighbridge", keys_for_s=600, stale_for_s=3600)


def signers(source):
    clock = Time()
    return Signers(CONFIG, fetch=source, clock=clock), clock


async def settled(found):
    """Let what was begun beside the requests come to its end."""
    async with asyncio.timeout(60):
        while found._fetching is not None:
            await asyncio.sleep(0.001)


def test_an_unknown_name_is_worth_one_question_in_ten_seconds():
    async def story():
        source = Source(["a"], ["a", "b"])
        found, clock = signers(source)
        assert await found.find("a", "RS256") == "a"
        assert [await found.find(name, "RS256") for name in ("b", "c", "d")] == [None] * 3
        assert source.asked == 1
        clock.now += 10
        assert await found.find("b", "RS256") == "b"
        assert [await found.find(name, "RS256") for name in ("c", "d", "a")] == [None, None, "a"]
        assert source.asked == 2

    asyncio.run(story())


def test_many_who_wait_ask_once():
    async def story():
        source = Source(["a"])
        found, _ = signers(source)
        assert await asyncio.gather(*(found.find("a", "RS256") for _ in range(50))) == ["a"] * 50
        assert source.asked == 1

    asyncio.run(story())


def test_old_keys_are_used_while_new_ones_are_fetched_and_while_the_issuer_is_down():
    async def story():
        source = Source(["a"], OSError("down"))
        found, clock = signers(source)
        assert await found.find("a", "RS256") == "a"
        clock.now += 601
        assert await found.find("a", "RS256") == "a"
        await settled(found)
        assert source.asked == 2
        assert await found.find("a", "RS256") == "a"
        assert source.asked == 2
        clock.now += 3600
        with pytest.raises(IssuerDown):
            await found.find("a", "RS256")
        source.answers = [["a"]]
        clock.now += 10
        assert await found.find("a", "RS256") == "a"

    asyncio.run(story())


def test_a_key_that_the_issuer_has_withdrawn_counts_no_more():
    async def story():
        source = Source(["a", "b"], ["b"])
        found, clock = signers(source)
        assert await found.find("a", "RS256") == "a"
        clock.now += 601
        await found.find("a", "RS256")
        await settled(found)
        assert await found.find("a", "RS256") is None

    asyncio.run(story())


@pytest.mark.parametrize("status", [500, 302, 404])
def test_an_issuer_that_is_down_is_told_apart_from_a_bad_token(issuer, caplog, status):
    issuer.status = status
    assert check(issuer, issuer.token()) is Reason.ISSUER_DOWN
    assert issuer.asked == ["/.well-known/openid-configuration"]
    assert [record.facts["reason"] for record in caplog.records] == ["ValueError"]


def test_too_much_is_not_read(issuer):
    issuer.published = [{"kty": "RSA", "pad": "a" * 300_000}]
    assert check(issuer, issuer.token()) is Reason.ISSUER_DOWN


def test_an_issuer_cannot_speak_for_another(issuer, stranger):
    config = OidcConfig(issuer=f"{issuer.url}/", audience="weighbridge")
    assert asyncio.run(Tokens(config, Signers(config)).check(issuer.token())) is Reason.ISSUER_DOWN


def test_whoever_does_not_wait_for_the_keys_takes_them_from_nobody(issuer):
    async def story():
        config = issuer.config()
        tokens = Tokens(config, Signers(config))
        issuer.slow.clear()
        hurried = asyncio.create_task(tokens.check(issuer.token()))
        patient = asyncio.create_task(tokens.check(issuer.token()))
        async with asyncio.timeout(60):
            while not issuer.asked:
                await asyncio.sleep(0.001)
        hurried.cancel()
        issuer.slow.set()
        assert isinstance(await patient, Caller)

    asyncio.run(story())
