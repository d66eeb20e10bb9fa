"""Rate limits: how many requests of a class one person and one address may make in a window of time.

Counted in this process, or in Redis where `AURUM_REDIS_URL` is set, so that several processes count together. The
rates are written as the `limits` library reads them: `300/minute`, `20 per 10 seconds`.

Windows are aligned to the clock: everybody's minute begins when the minute does. So one increment tells both how much
is left and until when, and a burst around the edge of a window can reach twice the rate; the rates allow for it.
"""

import hashlib
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError
from pydantic import AfterValidator, BaseModel, ConfigDict

log = structlog.get_logger(__name__)

# A request waits no longer than this for Redis; then this process counts by itself for a while.
REDIS_SECONDS: Final = 0.25
REDIS_PAUSE_SECONDS: Final = 5.0
# Beyond so many counters those whose window is over are taken out; checked once in so many seconds.
SWEEP_SECONDS: Final = 10.0


def _rate(written: str) -> str:
    parse(written)
    return written


Rate = Annotated[str, AfterValidator(_rate)]


class RouteClass(StrEnum):
    """What kind of request it is, by what it costs and what somebody could do with many of it."""

    SIGN_IN = "sign_in"  # a secret is tried
    MAIL = "mail"  # somebody is written to
    MONEY = "money"  # money moves, or an order to move it is given
    READS = "reads"
    OTHER = "other"


class Rates(BaseModel):
    """How often, for one signed-in person and for one address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: Rate
    address: Rate


class Limits(BaseModel):
    """The rates of each class. They stop floods; guessing is stopped much sooner, by `models.backoff`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_in: Rates = Rates(user="120/minute", address="300/minute")
    mail: Rates = Rates(user="20/minute", address="60/minute")
    money: Rates = Rates(user="600/minute", address="3000/minute")
    reads: Rates = Rates(user="12000/minute", address="30000/minute")
    other: Rates = Rates(user="600/minute", address="3000/minute")
    # Messages to one address that somebody asked for who is not signed in.
    recipient: Rate = "5/hour"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in one quota: how much is left of it, and the seconds until it is whole again."""

    policy: str
    left: int
    seconds: int

    @property
    def exceeded(self) -> bool:
        """Whether this request was one too many."""
        return self.left < 0


class ProcessMemory(Storage):
    """Counters in this process.

    The library's own memory looks at every counter on every request (0.6 ms with 10,000 of them, measured), which
    would hand whoever has many addresses a way to slow everybody down.
    """

    STORAGE_SCHEME = ["async+aurum-memory"]  # noqa: RUF012 # as the library declares it

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What counting can raise: nothing of its own."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts, and returns the count. The first one begins `expiry` seconds."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep(now)
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._counts[key] = (count + amount, ends)
        return count + amount

    async def get(self, key: str) -> int:
        """The count."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """When the count is forgotten, in seconds since the epoch."""
        return self._counts.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        """That it is there."""
        return True

    async def reset(self) -> int:
        """Forgets everything; how many counters there were."""
        forgotten = len(self._counts)
        self._counts.clear()
        return forgotten

    async def clear(self, key: str) -> None:
        """Forgets one counter."""
        self._counts.pop(key, None)

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + SWEEP_SECONDS
        self._counts = {key: (count, ends) for key, (count, ends) in self._counts.items() if ends > now}


class Limiter:
    """Counts requests. Where Redis does not answer, it counts in this process instead of refusing or waiting."""

    def __init__(self, limits: Limits, redis_url: str | None = None) -> None:
        self._items: dict[RouteClass, dict[str, RateLimitItem]] = {
            route: {kind: parse(getattr(getattr(limits, route), kind)) for kind in ("user", "address")}
            for route in RouteClass
        }
        self._recipient = parse(limits.recipient)
        self._memory = ProcessMemory()
        self._redis = _redis(redis_url) if redis_url else None
        self._redis_from = 0.0

        self._written: dict[tuple[RouteClass, tuple[str, ...]], str] = {}

    def policies(self, route: RouteClass, kinds: tuple[str, ...]) -> str:
        """The quotas of a class as a `RateLimit-Policy` header has them (draft-ietf-httpapi-ratelimit-headers-10)."""
        if (route, kinds) not in self._written:
            items = self._items[route]
            self._written[route, kinds] = ", ".join(
                f'"{_policy(route, kind)}";q={items[kind].amount};w={items[kind].get_expiry()}' for kind in kinds
            )
        return self._written[route, kinds]

    async def count(self, route: RouteClass, who: dict[str, str]) -> list[Standing]:
        """Counts one request in the quota of each of `who` (`user`, `address`), and says where each stands."""
        now = time.time()
        return [await self._count(route, kind, subject, now) for kind, subject in who.items()]

    async def may_write_to(self, address: str) -> bool:
        """Whether one more message may go to `address`, whose owner need not be who asks for it. Counts it."""
        window, now = self._recipient.get_expiry(), time.time()
        name = hashlib.sha256(address.casefold().encode()).hexdigest()
        count = await self._incremented(f"recipient/{name}/{int(now // window)}", window, now)
        return count <= self._recipient.amount

    async def close(self) -> None:
        """Lets go of Redis."""
        if self._redis is not None:
            bridge: Any = self._redis.bridge
            await bridge.get_connection().aclose()

    async def _count(self, route: RouteClass, kind: str, subject: str, now: float) -> Standing:
        item = self._items[route][kind]
        window = item.get_expiry()
        key = f"{route}/{kind}/{subject}/{int(now // window)}"
        count = await self._incremented(key, window, now)
        return Standing(_policy(route, kind), item.amount - count, math.ceil(window - now % window) or 1)

    async def _incremented(self, key: str, window: int, now: float) -> int:
        if self._redis is not None and now >= self._redis_from:
            try:
                return await self._redis.incr(key, window)
            except (StorageError, OSError) as error:
                self._redis_from = now + REDIS_PAUSE_SECONDS
                log.warning("limits.redis_unavailable", kind=type(error).__name__)
        return await self._memory.incr(key, window)


def _policy(route: RouteClass, kind: str) -> str:
    return f"{route}-{kind}"


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="aurum/limits",
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )
