"""Who is at the console: a sealed cookie, and the API spoken to with the tokens in it.

The cookie holds the person's access and refresh token, encrypted and bound to its place, out of the reach of scripts
(HttpOnly). Idle for half an hour, or twelve hours after signing in, a visit is over whatever the tokens say
(OWASP ASVS 5.0, 7.3). Each form carries a value that is inside the cookie (ASVS 5.0, 3.5.1).
"""

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import httpx
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from api.answers import written_json
from api.parts import parts_of
from api.routing import PREFIX
from infra.crypto import FieldContext, FieldUnreadable, Keyring
from models.errors import BadToken

COOKIE: Final = "aurum_console"
IDLE_SECONDS: Final = 30 * 60
LONGEST_SECONDS: Final = 12 * 60 * 60
# An access token that ends within that is renewed before it is used.
_MARGIN_SECONDS: Final = 20
# The moment of the last request is written down as seldom.
_SEEN_SECONDS: Final = 60
_PLACE: Final = FieldContext("console", "cookie", "visit")


class Refused(Exception):
    """The API has refused what the console asked, and says why."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        super().__init__(problem.get("detail", ""))
        self.status = status
        self.code: str = problem.get("code", "unavailable")
        self.title: str = problem.get("title", HTTPStatus(status).phrase)
        self.detail: str = problem.get("detail", "")
        self.problem = problem


class Badge(BaseModel):
    """What the cookie holds."""

    access: str
    refresh: str
    expires: int
    csrf: str
    id: str
    name: str
    email: str
    permissions: frozenset[str]
    begun: int
    seen: int


class Visit:
    """One request of somebody at the console. Without a badge nobody is signed in."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._settings = parts_of(request.scope).settings
        self._keyring = Keyring.of(self._settings.field_keys, self._settings.field_key_id)
        self.badge = self._read()
        self._changed = False

    def _read(self) -> Badge | None:
        cookie = self._request.cookies.get(COOKIE)
        if not cookie:
            return None
        try:
            sealed = urlsafe_b64decode(cookie.encode("ascii"))
            badge = Badge.model_validate_json(self._keyring.open(sealed, _PLACE))
        except (ValueError, ValidationError, FieldUnreadable):
            return None
        now = time.time()
        over = now - badge.seen > IDLE_SECONDS or now - badge.begun > LONGEST_SECONDS
        return None if over else badge

    def may(self, *permissions: str) -> bool:
        """Whether who is signed in has one of `permissions`; for what is shown, the API decides for itself."""
        return self.badge is not None and bool(self.badge.permissions & set(permissions))

    def form_is_ours(self, given: object) -> bool:
        """Whether a form was sent from a page of this visit."""
        expected = self.badge.csrf if self.badge else ""
        return bool(expected) and hmac.compare_digest(expected.encode(), str(given).encode())

    async def get(self, path: str, **query: Any) -> Any:
        """What the API answers to reading `path`. Raises `Refused`."""
        asked = {name: value for name, value in query.items() if value not in (None, "")}
        return _understood(await self.send("GET", path, params=asked))

    async def act(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API answers to an act. Raises `Refused`."""
        content = None if body is None else written_json(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        return _understood(await self.send(method, path, content=content, headers=headers))

    async def fresh(self) -> Badge | None:
        """The badge with tokens that are good for a while; None where nobody is signed in. Raises `Refused`."""
        if self.badge is not None and self.badge.expires - time.time() < _MARGIN_SECONDS:
            await self._renew(self.badge)
        return self.badge

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The API's answer, whatever it is, with the tokens of this visit."""
        await self.fresh()
        if self.badge is not None:
            bearer = {"Authorization": f"Bearer {self.badge.access}"}
            request["headers"] = {**request.get("headers", {}), **bearer}
        return await self._ask(method, path, **request)

    async def _renew(self, badge: Badge) -> None:
        answered = await self._ask(
            "POST",
            "/auth/refresh",
            content=written_json({"refreshToken": badge.refresh}),
            headers={"Content-Type": "application/json"},
        )
        self.welcome(_understood(answered)["data"], badge)

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        outer = self._request
        client = outer.client
        transport = httpx.ASGITransport(
            app=outer.app, client=(client.host, client.port) if client else ("127.0.0.1", 0)
        )
        told = {
            name: outer.headers[name]
            for name in ("user-agent", "x-forwarded-for", "accept-language")
            if name in outer.headers
        }
        base = f"{outer.url.scheme}://{outer.url.netloc}"
        async with httpx.AsyncClient(transport=transport, base_url=base) as api:
            return await api.request(method, f"{PREFIX}{path}", headers={**told, **(headers or {})}, **rest)

    def welcome(self, signed_in: Mapping[str, Any], before: Badge | None = None) -> None:
        """Takes the tokens of an answer to signing in, or of a renewal, into the cookie."""
        tokens, person = signed_in["tokens"], signed_in["user"]
        claims = parts_of(self._request.scope).tokens.read(tokens["accessToken"])
        now = int(time.time())
        self.badge = Badge(
            access=tokens["accessToken"],
            refresh=tokens["refreshToken"],
            expires=claims.exp,
            csrf=before.csrf if before else secrets.token_urlsafe(24),
            id=str(claims.sub),
            name=f"{person['first_name']} {person['last_name']}".strip() or claims.email,
            email=claims.email,
            permissions=claims.permissions,
            begun=before.begun if before else now,
            seen=before.seen if before else now,
        )
        self._changed = True

    def leave(self) -> None:
        """Forgets who was here."""
        self.badge = None
        self._changed = True

    def stamp(self, answer: Response, *, present: bool = True) -> None:
        """Gives the cookie along, where it has changed. `present`: whether somebody is there, whose absence ends the
        visit."""
        secure = self._settings.public_url.startswith("https://")
        if self.badge is None:
            if COOKIE in self._request.cookies:
                answer.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
            return
        now = int(time.time())
        seen = now if present else self.badge.seen
        if not self._changed and seen - self.badge.seen < _SEEN_SECONDS:
            return
        sealed = self._keyring.seal(self.badge.model_copy(update={"seen": seen}).model_dump_json().encode(), _PLACE)
        value = urlsafe_b64encode(sealed).decode()
        answer.set_cookie(COOKIE, value, path="/", secure=secure, httponly=True, samesite="lax")


def _understood(answered: httpx.Response) -> Any:
    try:
        said = json.loads(answered.content or b"null", parse_float=Decimal)
    except ValueError:
        said = None
    if answered.status_code >= HTTPStatus.BAD_REQUEST:
        raise Refused(said if isinstance(said, dict) else {}, answered.status_code)
    return said


def over(error: Exception) -> bool:
    """Whether an error means that the visit is over: the tokens are worth nothing any more."""
    return isinstance(error, BadToken) or (isinstance(error, Refused) and error.status == HTTPStatus.UNAUTHORIZED)
