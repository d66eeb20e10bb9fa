"""ClamAV's daemon, by its INSTREAM command over TCP or a local socket (clamd(8)).

    → zINSTREAM\\0 · then each piece: length (4, big-endian) | bytes · then length 0
    ← stream: OK\\0 · stream: NAME FOUND\\0 · anything else with ERROR\\0

It answers before the end, and hangs up, when a stream is longer than its `StreamMaxLength`.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Final

import structlog

from infra.providers.scan.scanner import Verdict
from models.errors import Unavailable
from models.kyc.documents import ScanStatus

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 60.0
_LONGEST_ANSWER: Final = 4096
_END: Final = struct.pack(">I", 0)


class ClamAV:
    """Asks the daemon at one address: `host:port`, or the path of a local socket."""

    def __init__(self, address: str, patience: float = PATIENCE_SECONDS) -> None:
        """`patience` in seconds, for one file."""
        self._address = address
        self._patience = patience

    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:
        """Has `content` scanned; see `Scanner.scan`."""
        try:
            async with asyncio.timeout(self._patience):
                reader, writer = await self._connected()
                answering = asyncio.create_task(reader.readuntil(b"\0"))
                try:
                    await _send(writer, content, answering)
                    answer = await answering
                finally:
                    answering.cancel()
                    await asyncio.gather(answering, return_exceptions=True)
                    writer.transport.abort()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
            raise Unavailable(f"The scanner does not answer: {type(error).__name__}") from error
        return _meaning(answer[:-1].decode("utf-8", "replace"))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address, limit=_LONGEST_ANSWER)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host, int(port), limit=_LONGEST_ANSWER)


async def _send(writer: asyncio.StreamWriter, content: AsyncIterator[bytes], answering: asyncio.Task[bytes]) -> None:
    writer.write(b"zINSTREAM\0")
    async for piece in content:
        if answering.done():
            # It has heard enough.
            return
        # An empty piece would be the end.
        if piece:
            writer.write(struct.pack(">I", len(piece)) + piece)
            await writer.drain()
    writer.write(_END)
    await writer.drain()


def _meaning(answer: str) -> Verdict:
    said = answer.removeprefix("stream: ").strip()
    if said == "OK":
        return Verdict(ScanStatus.CLEAN)
    if said.endswith(" FOUND"):
        return Verdict(ScanStatus.INFECTED, said.removesuffix(" FOUND"))
    if said.endswith("ERROR"):
        log.warning("scan.failed", answer=said[:200])
        return Verdict(ScanStatus.FAILED, said.removesuffix("ERROR").strip(" ."))
    raise Unavailable(f"The scanner gives an answer that is none of its own: {said[:60]!r}")
