"""A double of ClamAV's daemon on a real socket, as clamd(8) describes it. Like any scanner it finds EICAR's string."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

# The string that EICAR published for this purpose, in two parts, so that this file is none that a scanner takes out.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Clamd:
    """What it was asked and how it behaves."""

    address: str
    longest: int = 25 * 1024 * 1024
    # Instead of an answer of its own; b"" hangs up.
    answer: bytes | None = None
    # Waits for ever instead of answering.
    silent: bool = False
    seen: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        try:
            command = await reader.readuntil(b"\0")
            if command != b"zINSTREAM\0":
                writer.write(b"UNKNOWN COMMAND\0")
                return
            content = bytearray()
            while length := struct.unpack(">I", await reader.readexactly(4))[0]:
                content += await reader.readexactly(length)
                if len(content) > self.longest:
                    writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                    await writer.drain()
                    while await reader.read(65_536):
                        continue
                    return
            self.seen.append(bytes(content))
            if self.silent:
                await reader.read()
                return
            found = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
            writer.write(found if self.answer is None else self.answer)
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def clamd(socket: Path | None = None) -> AsyncIterator[Clamd]:
    """A daemon that runs, on a port or on a local socket."""
    double = Clamd("")
    if socket is not None:
        server = await asyncio.start_unix_server(double.serve, socket)
        double.address = str(socket)
    else:
        server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        double.address = f"{host}:{port}"
    async with server:
        yield double
