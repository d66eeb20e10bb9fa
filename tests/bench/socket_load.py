"""A thousand clients in a process of their own: `python -m tests.bench.socket_load URL TOKENS SYMBOLS`.

Says in lines of JSON when all are in, and what they have heard whenever a line comes in. Clients take processor too;
they read as little of each message as they have to.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

_AT_ONCE = 20


class Clients:
    """What all of them have heard together."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.events: list[tuple[float, dict[str, Any]]] = []

    async def run(
        self, http: aiohttp.ClientSession, url: str, token: str, symbols: list[str], inside: asyncio.Event
    ) -> None:
        """One client, until the connection ends."""
        async with http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0) as opened:
            await opened.receive_str()
            await opened.send_str(f"40{json.dumps({'token': token})}")
            assert (await opened.receive_str()).startswith("40{")
            asked = {"symbols": symbols, "together": True}
            await opened.send_str(f"421{json.dumps(['subscribe_quotes', asked])}")
            async for message in opened:
                told = message.data
                self.messages += 1
                self.bytes += len(told)
                if told == "2":
                    await opened.send_str("3")
                elif told.startswith('42["case_update"'):
                    self.events.append((time.time(), json.loads(told[2:])[1]))
                elif told.startswith("431"):
                    inside.set()


async def main(url: str, tokens: list[str], symbols: list[str]) -> None:
    """Opens a socket with each token, and answers what is asked."""
    clients, running = Clients(), set()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        for first in range(0, len(tokens), _AT_ONCE):
            batch = [asyncio.Event() for _ in tokens[first : first + _AT_ONCE]]
            for token, inside in zip(tokens[first : first + _AT_ONCE], batch, strict=True):
                running.add(asyncio.create_task(clients.run(http, url, token, symbols, inside)))
            if symbols:
                await asyncio.wait_for(asyncio.gather(*(inside.wait() for inside in batch)), 120)
        sys.stdout.write('"inside"\n')
        sys.stdout.flush()
        while await asyncio.to_thread(sys.stdin.readline):
            told = {
                "open": sum(not task.done() for task in running),
                "messages": clients.messages,
                "bytes": clients.bytes,
                "events": clients.events,
                "processor": time.process_time(),
            }
            clients.events = []
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


if __name__ == "__main__":
    address, file, wanted = sys.argv[1:4]
    asyncio.run(main(address, json.loads(Path(file).read_text()), json.loads(wanted)))
