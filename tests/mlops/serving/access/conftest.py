"""The whole door around a small application, and an OIDC issuer on loopback that signs what a test asks for."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from mlops.serving.access.callers import Scope
from mlops.serving.access.config import OidcConfig
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.house import LimitInFlight, SecurityHeaders, Timeout
from mlops.serving.access.keys import Keyring, make_key
from mlops.serving.access.keywatch import KeyWatch
from mlops.serving.access.middleware import Authenticate, LimitRate
from mlops.serving.access.signers import Signers
from mlops.serving.access.tokens import Tokens
from mlops.serving.errors import RequestProblem
from mlops.serving.middleware import Contain, LimitBody, Observe, problem

AUDIENCE = "weighbridge"


class Counts:
    """What would be counted."""

    def __init__(self):
        self.reasons, self.kinds, self.statuses = [], [], []

    def refused(self, reason):
        self.reasons.append(str(reason))

    def failed(self, kind):
        self.kinds.append(kind)

    def request(self, route, status, *more):
        self.statuses.append(status)


class House:
    """The application behind the door, in the order of the server."""

    def __init__(self, doorkeeper=None, *, limits=None, most=256, seconds=30, work=None):
        self.counts = Counts()
        self.work = work

        async def answer(request):
            body = await request.body()
            if self.work is not None:
                await self.work(request)
            return JSONResponse({"caller": request.state.caller.id, "bytes": len(body)})

        async def refusal(request, error):
            self.counts.failed(error.kind)
            said = problem(error.status, error.detail, request.state.request_id)
            said.headers.update(error.headers)
            return said

        paths = (
            "/v1/predict",
            "/v1/feedback",
            "/metrics",
            "/model",
            "/docs",
            "/openapi.json",
            "/health/ready",
            "/new",
        )
        routes = [Route(path, answer, methods=["GET", "POST"]) for path in paths]
        app = Starlette(routes=routes, exception_handlers={RequestProblem: refusal})
        app = LimitBody(app, max_bytes=1024 * 1024)
        app = Timeout(app, seconds=seconds, metrics=self.counts)
        app = LimitInFlight(app, most=most, metrics=self.counts)
        app = LimitRate(app, limits=limits, metrics=self.counts, pause_s=0)
        app = Authenticate(app, authenticator=doorkeeper, metrics=self.counts, pause_s=0)
        app = Contain(app, metrics=self.counts)
        app = SecurityHeaders(app)
        self.app = Observe(app, metrics=self.counts)

    async def ask(self, path="/v1/predict", *, key=None, headers=(), method="POST", client=("192.0.2.7", 5)):
        sent = [*headers, *([("authorization", f"Bearer {key}")] if key else [])]
        transport = httpx.ASGITransport(self.app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://lane") as http:
            return await http.request(method, path, headers=sent, content=b"{}")

    def ask_now(self, *given, **options):
        return asyncio.run(self.ask(*given, **options))


@pytest.fixture(scope="session")
def house():
    return House


class Keys:
    """API keys that a test makes, and a watch over them."""

    def __init__(self):
        self.kept = []

    def make(self, *scopes, now=None, **options):
        text, key = make_key("shop", scopes or [Scope.PREDICT], now=now or datetime.now(UTC), **options)
        self.kept.append(key)
        return text

    def watch(self):
        return KeyWatch(Keyring(self.kept))


@pytest.fixture
def keys():
    return Keys()


def _encoded(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


class Issuer:
    """Publishes keys and signs tokens."""

    def __init__(self):
        self.signing = {
            "one": rsa.generate_private_key(65537, 2048),
            "curve": ec.generate_private_key(ec.SECP256R1()),
        }
        self.published = None
        self.asked = []
        self.status = 200
        self.slow = threading.Event()
        self.slow.set()
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                issuer.slow.wait(20)
                content = json.dumps(issuer.document(self.path)).encode()
                self.send_response(issuer.status)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def document(self, path):
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return {"keys": self.jwks() if self.published is None else self.published}

    def jwks(self):
        return [self.jwk(name) for name in self.signing]

    def jwk(self, name):
        key = self.signing[name].public_key()
        kind = (
            jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
        )
        return {**kind.to_jwk(key, as_dict=True), "kid": name, "use": "sig"}

    def public_pem(self, name="one"):
        return (
            self.signing[name]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def claims(self, **changed):
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "lena",
            "exp": now + 300,
            "iat": now,
            "scope": "predict",
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, *, key="one", algorithm="RS256", headers=None, **changed):
        headers = {"kid": key} | (headers or {})
        return jwt.encode(self.claims(**changed), self.signing[key], algorithm, headers=headers)

    def by_hand(self, header, secret=b"", **changed):
        """A token as no honest library makes it."""
        signed = _encoded(header) + b"." + _encoded(self.claims(**changed))
        signature = hmac.new(secret, signed, hashlib.sha256).digest() if secret else b""
        return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    def config(self, **changed):
        return OidcConfig(issuer=self.url, audience=AUDIENCE, leeway_s=5, **changed)

    def doorkeeper(self, keys=None, **changed):
        config = self.config(**changed)
        return Doorkeeper(keys, Tokens(config, Signers(config)))

    def close(self):
        self.slow.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="session")
def issuers():
    """Two of them: one that is trusted, and a stranger that says the same."""
    pair = Issuer(), Issuer()
    yield pair
    for each in pair:
        each.close()


@pytest.fixture
def issuer(issuers):
    found = issuers[0]
    found.asked, found.status, found.published = [], 200, None
    return found


@pytest.fixture
def stranger(issuers):
    found = issuers[1]
    found.asked = []
    return found
