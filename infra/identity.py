"""Tokens of an external identity provider (Clerk): RS256 alone, of one issuer, for us, now."""

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.key_set import KeySet
from infra.settings import Settings
from models.errors import BadToken

ALGORITHM: Final = "RS256"
# Clocks differ.
LEEWAY_SECONDS: Final = 5
_LONGEST_TOKEN: Final = 8192
_REMEMBERED: Final = 4096
_NOT_GOOD: Final = "The token is not a good one of the identity provider"


class _OnlyRs256(JWSRegistry):
    """Knows one algorithm, so that a token cannot choose another one."""

    def get_alg(self, name: str) -> Any:
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


class Identity(BaseModel):
    """Who the provider says somebody is. `sid` is their session there; `email` stands in a token only where the
    provider is set up to put it there, with `email_verified`."""

    model_config = ConfigDict(frozen=True, strict=True)

    sub: str = Field(min_length=1, max_length=255)
    sid: str = Field(default="", max_length=255)
    exp: int
    iat: int
    nbf: int | None = None
    azp: str | None = None
    sts: str | None = None
    email: str | None = None
    email_verified: bool = False
    first_name: str | None = None
    last_name: str | None = None


class ExternalTokens:
    """Reads tokens of one issuer."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: KeySet,
        parties: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`parties`: the origins for which a token may have been issued (`azp`), where it names one."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._parties = frozenset(parties)
        self._clock = clock
        self._registry = _OnlyRs256(algorithms=[ALGORITHM])
        self._verified: dict[str, Identity] = {}

    @property
    def issuer(self) -> str:
        """Whose tokens these are."""
        return self._issuer

    def issued(self, token: str) -> bool:
        """Whether `token` says that it is of this issuer. Nothing is checked: it tells where to check it."""
        try:
            payload = token.split(".")[1]
            told = orjson.loads(urlsafe_b64decode(payload.encode("ascii") + b"=" * (-len(payload) % 4)))
            return isinstance(told, dict) and told.get("iss") == self._issuer
        except (IndexError, ValueError):
            return False

    def remembered(self, token: str) -> Identity | None:
        """Who `token` is of, if that was checked before."""
        return self._verified.get(token)

    async def read(self, token: str) -> Identity:
        """Who `token` is of. Raises `BadToken`, and `Unavailable` where that cannot be told at this moment."""
        identity = self._verified.get(token)
        if identity is None:
            identity = await self._verify(token)
            if len(self._verified) >= _REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[token] = identity
        if identity.exp + LEEWAY_SECONDS <= self._clock():
            self._verified.pop(token, None)
            raise BadToken("The token has expired")
        return identity

    async def close(self) -> None:
        """Lets go of the provider."""
        await self._keys.close()

    async def _verify(self, token: str) -> Identity:
        if len(token) > _LONGEST_TOKEN:
            raise BadToken(_NOT_GOOD)
        key = await self._keys.key(_key_id(token))
        try:
            payload = jwt.decode(token, key, registry=self._registry).claims
            identity = Identity.model_validate(payload)
        except (JoseError, ValidationError, ValueError, TypeError, KeyError):
            raise BadToken(_NOT_GOOD) from None
        audience = payload.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if payload.get("iss") != self._issuer or self._audience not in named:
            raise BadToken(_NOT_GOOD)
        if identity.azp is not None and identity.azp not in self._parties:
            raise BadToken("The token was issued for another application")
        if identity.sts == "pending":
            raise BadToken("The sign-in at the identity provider is not finished")
        if max(identity.nbf or 0, identity.iat) > self._clock() + LEEWAY_SECONDS:
            raise BadToken("The token is not valid yet")
        return identity


def _key_id(token: str) -> str:
    try:
        header = token.split(".", 1)[0]
        told = orjson.loads(urlsafe_b64decode(header.encode("ascii") + b"=" * (-len(header) % 4)))
        if told["alg"] == ALGORITHM and isinstance(told["kid"], str):
            return str(told["kid"])
    except (ValueError, TypeError, KeyError):
        pass
    # Before any key is asked for: a token that chooses its own way of being checked is none.
    raise BadToken(_NOT_GOOD)


def external_tokens(settings: Settings) -> ExternalTokens | None:
    """The provider of `settings`; None where there is none."""
    issuer, audience = settings.clerk_issuer, settings.clerk_audience
    if issuer is None or audience is None:
        return None
    keys = KeySet(settings.clerk_jwks_url or f"{issuer.rstrip('/')}/.well-known/jwks.json")
    parties = settings.clerk_authorized_parties or (settings.public_url, *settings.cors_origins)
    return ExternalTokens(issuer, audience, keys, parties)
