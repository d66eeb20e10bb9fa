"""An identity provider for tests: a small HTTP server with a key set, real RSA keys, and tokens signed with them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.factories.http_double import Silent, serving

AUDIENCE = "aurum-api"
PARTY = "http://127.0.0.1:8000"


@lru_cache(maxsize=8)
def rsa(name: str) -> RSAKey:
    """A key for signing, the same for the same name: making one takes a while."""
    del name
    return RSAKey.generate_key(2048)


def public(name: str, **changed: Any) -> dict[str, Any]:
    """The public half of `rsa(name)`, as a key set has it."""
    return {**rsa(name).as_dict(private=False), "kid": name, "use": "sig", "alg": "RS256", **changed}


class Issuer:
    """What the provider serves, and how often it was asked. `answer` replaces the key set: a status and bytes."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[dict[str, Any]] = [public("first")]
        self.answer: tuple[int, bytes] | None = None
        self.asked = 0
        self.silence: threading.Event | None = None

    def token(self, *, key: str = "first", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of somebody, good unless it is told otherwise. A claim that is None is left out."""
        now = int(time.time())
        told = {
            "iss": self.url,
            "aud": AUDIENCE,
            "azp": PARTY,
            "sub": "user_mira",
            "sid": "sess_1",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 60,
            "email": "mira@people.example",
            "email_verified": True,
            "first_name": "Mira",
            "last_name": "Example",
            **claims,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key, **(header or {})}, kept, rsa(key))


@contextmanager
def issuer() -> Iterator[Issuer]:
    """A running provider."""
    provider = Issuer()

    class Answering(Silent, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            if provider.silence is not None:
                provider.silence.wait(30)
            status, body = provider.answer or (200, json.dumps({"keys": provider.keys}).encode())
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302, 307):
                self.send_header("Location", f"{provider.url}/elsewhere")
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

    with serving(Answering) as address:
        provider.url = address
        try:
            yield provider
        finally:
            if provider.silence is not None:
                provider.silence.set()
