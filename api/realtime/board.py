"""The newest price of each symbol that somebody follows, and its way to those who do.

One round after the other: ask for all of them, then give each socket what is newer than what it has. A socket that has
not taken the last ones yet is passed over and gets the newest in a later round: prices wait in no queue, and the newest
wins. The rounds take turns with everything else in the process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from engineio.packet import Packet as Frame

from api.answers import written_json
from api.market.routes import quote_view
from api.quotes import Quotes
from api.realtime.audience import Audience, Socket
from api.realtime.metrics import SocketMetrics
from api.realtime.packets import event_frame
from api.realtime.shapes import QUOTE_UPDATE
from models.market import MarketDataUnavailable, Quote

log = structlog.get_logger(__name__)

# A symbol is told twice a second at most.
ROUND_SECONDS: Final = 0.5
_AFTER_FAILURE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Price:
    """A price as it is sent. `number` grows with each that differs."""

    number: int
    quote: Quote
    payload: bytes
    frame: Frame


class Board:
    """Prices for the sockets of this process."""

    def __init__(self, quotes: Quotes, audience: Audience, send: Callable[..., Any], metrics: SocketMetrics) -> None:
        """`send`: takes the id of a connection and a frame."""
        self._quotes = quotes
        self._audience = audience
        self._send = send
        self._metrics = metrics
        self._followers: dict[str, set[Socket]] = defaultdict(set)
        self._newest: dict[str, Price] = {}
        # Who has something older than the board; in the order in which they get it.
        self._behind: dict[Socket, None] = {}
        self._numbers = 0
        self._wake = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        audience.when_gone = lambda socket: self.leave(socket, list(socket.symbols))

    def follow(self, socket: Socket, quote: Quote) -> None:
        """Sends `socket` the prices of a security from now on, this one first."""
        if socket.symbols.setdefault(quote.symbol, 0) == 0:
            self._followers[quote.symbol].add(socket)
        self._put(quote)
        self._behind[socket] = None
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="quotes-to-sockets")
        self._wake.set()

    def leave(self, socket: Socket, symbols: Collection[str]) -> None:
        """Sends `socket` prices of these no longer."""
        for symbol in symbols:
            if socket.symbols.pop(symbol, None) is not None:
                followers = self._followers[symbol]
                followers.discard(socket)
                if not followers:
                    del self._followers[symbol]
                    self._newest.pop(symbol, None)
        if not socket.symbols:
            self._behind.pop(socket, None)

    async def close(self) -> None:
        """Ends the rounds."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def _put(self, quote: Quote) -> None:
        known = self._newest.get(quote.symbol)
        if known is not None and not _differs(quote, known.quote):
            return
        self._numbers += 1
        payload = written_json(quote_view(quote))
        self._newest[quote.symbol] = Price(self._numbers, quote, payload, event_frame(QUOTE_UPDATE, payload))
        for socket in self._followers[quote.symbol]:
            self._behind[socket] = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._followers:
                self._wake.clear()
                await self._wake.wait()
            begun = loop.time()
            pause = ROUND_SECONDS
            try:
                for quote in await self._quotes.known(list(self._followers)):
                    if quote.symbol in self._followers:
                        self._put(quote)
                await self._round()
            except Exception as error:  # noqa: BLE001 # whatever it was, the next round asks again
                kind = type(error).__name__
                (log.warning if isinstance(error, MarketDataUnavailable) else log.exception)("board.failed", kind=kind)
                pause = _AFTER_FAILURE_SECONDS
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, pause - (loop.time() - begun)))

    async def _round(self) -> None:
        for socket in list(self._behind):
            if socket not in self._behind or self._audience.waiting(socket):
                continue
            del self._behind[socket]
            newer = [
                price
                for symbol, sent in socket.symbols.items()
                if (price := self._newest.get(symbol)) is not None and price.number > sent
            ]
            for price in newer:
                socket.symbols[price.quote.symbol] = price.number
            if socket.together and newer:
                listed = event_frame(QUOTE_UPDATE, b"[" + b",".join(price.payload for price in newer) + b"]")
                await self._send(socket.frame_id, listed)
            else:
                for price in newer:
                    await self._send(socket.frame_id, price.frame)
            self._metrics.quotes.inc(len(newer))
            # The socket's writer, events and requests have their turn.
            await asyncio.sleep(0)


def _differs(quote: Quote, known: Quote) -> bool:
    # That a price is still the same is not told.
    return quote.as_of >= known.as_of and quote.model_copy(update={"as_of": known.as_of}) != known
