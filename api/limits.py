"""Rate limits at the door: every request counts for its address, and for its person where its token names one.

What was refused here has cost no database connection and read no body. It is in the metrics and the log, not in the
audit log, which a flood must not fill; a guess at a password that comes too soon is refused by `api.backoff`, and that
is audited.
"""

import functools
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import audit
from api.errors import refusal
from api.origin import network_of
from api.parts import parts_of
from api.routing import PREFIX
from infra.limits import RouteClass, Standing
from models.errors import BadToken, RateLimited

# Asked by machines of ours, often, and answered from memory or with one short question.
UNLIMITED: Final = frozenset({"/health", "/ready", "/metrics", "/.well-known/jwks.json"})
_SIGN_IN: Final = frozenset(
    f"{PREFIX}/{path}"
    for path in (
        "auth/login",
        "auth/refresh",
        "auth/verify-email",
        "auth/reset-password",
        "auth/external-identity",
        "users/me/password",
        "users/2fa/enable",
        "users/2fa/disable",
        "users/2fa/verify",
    )
)
_MAIL: Final = frozenset({f"{PREFIX}/auth/register", f"{PREFIX}/auth/forgot-password"})
_MONEY: Final = tuple(
    f"{PREFIX}/{path}" for path in ("wires", "transactions", "funding", "trading/orders", "fx/exchange")
)
# Under the addresses of money, and move none.
_DRY_RUNS: Final = frozenset(
    f"{PREFIX}/{path}" for path in ("wires/validate-bank", "wires/estimate-fee", "trading/orders/preview")
)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER: Final = "bearer "


@functools.lru_cache(maxsize=4096)
def route_class(method: str, path: str) -> RouteClass | None:
    """The class that a request counts in; None for what is not limited."""
    if path in UNLIMITED:
        return None
    if method in _READING:
        return RouteClass.READS
    if path in _SIGN_IN:
        return RouteClass.SIGN_IN
    if path in _MAIL:
        return RouteClass.MAIL
    if path.startswith(_MONEY) and path not in _DRY_RUNS:
        return RouteClass.MONEY
    return RouteClass.OTHER


class RateLimits:
    """Counts each request and refuses the one that is too many with 429; tells every caller where they stand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        chosen = route_class(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if chosen is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        who = {"address": network_of(audit.attempt_of(request).ip_address)}
        user = _user(scope)
        if user is not None:
            who = {"user": user, **who}
        limiter = parts_of(scope).limiter
        standings = await limiter.count(chosen, who)
        refusing = max((one for one in standings if one.exceeded), key=lambda one: one.seconds, default=None)
        told = {"RateLimit-Policy": limiter.policies(chosen, tuple(who)), "RateLimit": _standing(standings)}

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        if refusing is not None:
            detail = f"Too many requests of this kind; the next one is heard in {refusing.seconds} s"
            refused = refusal(request, RateLimited(refusing.seconds, detail, policy=refusing.policy))
            await refused(scope, receive, telling)
            return
        await self._app(scope, receive, telling)


def _standing(standings: list[Standing]) -> str:
    return ", ".join(f'"{one.policy}";r={max(one.left, 0)};t={one.seconds}' for one in standings)


def _user(scope: Scope) -> str | None:
    # Whoever a token names has signed in, whether or not their session still lives: the database says that later.
    given = Headers(scope=scope).get("authorization", "")
    if given[: len(_BEARER)].lower() != _BEARER:
        return None
    parts, token = parts_of(scope), given[len(_BEARER) :]
    try:
        return str(parts.tokens.read(token).sub)
    except BadToken:
        known = parts.external.tokens.remembered(token) if parts.external else None
        return f"external/{known.sub}" if known else None
