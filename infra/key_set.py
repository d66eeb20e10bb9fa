"""The public keys of an external identity provider, fetched over HTTP (RFC 7517) and kept.

- One fetch at a time, however many wait for it.
- A known key is used at once. When the set is older than `FRESH_SECONDS` it is fetched anew beside that.
- An unknown key id causes a fetch, at most one in `PAUSE_SECONDS`: whoever invents key ids makes us ask no more often.
- While the provider does not answer, or answers nonsense, the keys that are known go on, for `LONGEST_SECONDS`.
"""

import asyncio
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any, Final

import httpx
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from models.errors import BadToken, Unavailable

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 3600.0
PAUSE_SECONDS: Final = 30.0
LONGEST_SECONDS: Final = 24 * 3600.0
FETCH_SECONDS: Final = 3.0
MOST_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 32
# 2048 to 8192 bits.
_MODULUS_BYTES: Final = range(256, 1025)
_LONGEST_ID: Final = 200


class _Unusable(Exception):
    """What came is no key set."""


class KeySet:
    """The RSA keys at one address, by their ids."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds, for ages alone."""
        self._url = url
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False)
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> RSAKey:
        """The key with that id. Raises `BadToken` where there is none, `Unavailable` where that cannot be told."""
        if key_id in self._keys and self._age(self._fetched_at) <= LONGEST_SECONDS:
            if self._age(self._fetched_at) > FRESH_SECONDS and self._may_try():
                self._begin()
            return self._keys[key_id]
        if self._fetching is not None or self._may_try():
            await asyncio.shield(self._begin())
        if key_id in self._keys and self._age(self._fetched_at) <= LONGEST_SECONDS:
            return self._keys[key_id]
        if self._fetched_at is None or self._fetched_at != self._tried_at:
            raise Unavailable("The identity provider's keys cannot be had at this moment")
        raise BadToken("The token is signed with a key that its issuer does not have")

    async def close(self) -> None:
        """Ends what is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        await self._http.aclose()

    def _age(self, since: float | None) -> float:
        return float("inf") if since is None else self._clock() - since

    def _may_try(self) -> bool:
        return self._age(self._tried_at) >= PAUSE_SECONDS

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch(self._tried_at), name="identity-keys")
        return self._fetching

    async def _fetch(self, began: float) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                keys = _read(await self._download())
        except (httpx.HTTPError, TimeoutError, OSError, _Unusable) as error:
            log.warning("identity.keys_not_fetched", kind=type(error).__name__, reason=str(error)[:200])
        else:
            self._keys, self._fetched_at = keys, began
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        async with self._http.stream("GET", self._url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise _Unusable(f"status {answer.status_code}")
            received = bytearray()
            async for chunk in answer.aiter_bytes():
                received += chunk
                if len(received) > MOST_BYTES:
                    raise _Unusable(f"more than {MOST_BYTES} bytes")
            return bytes(received)


def _read(raw: bytes) -> dict[str, RSAKey]:
    """The keys of a set that can check RS256. Others are left out: a provider may have keys for other things."""
    try:
        listed = orjson.loads(raw)["keys"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _Unusable("not a JSON object with keys") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise _Unusable("no list of keys, or too long a one")
    keys = {one["kid"]: key for one in listed if (key := _key(one)) is not None}
    if not keys:
        raise _Unusable("no key for RS256")
    return keys


def _key(one: Any) -> RSAKey | None:
    match one:
        case {"kty": "RSA", "kid": str(key_id), "n": str(modulus), "e": str(exponent)} if key_id:
            pass
        case _:
            return None
    if one.get("use", "sig") != "sig" or one.get("alg", "RS256") != "RS256" or len(key_id) > _LONGEST_ID:
        return None
    try:
        if len(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)).lstrip(b"\0")) not in _MODULUS_BYTES:
            return None
        return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})
    except (JoseError, ValueError, TypeError):
        return None
