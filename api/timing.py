"""Answers that could tell by their time whether an address has an account leave at even moments.

A wrong password, a registration, a forgotten password: what is done for a known address and for an unknown one differs
by some statements, by the age of a hash, by a letter written. Such an answer is held until the next multiple of
`AURUM_EVEN_ANSWER_SECONDS` after its request began, so that its time says nothing unless it crosses a multiple; the
default is well above what the slowest of them takes. Holding costs no thread and no database connection.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routing import PREFIX

# The answers that are given to known and unknown addresses alike; any other one says what it says.
HELD: Final[Mapping[str, frozenset[int]]] = {
    f"{PREFIX}/auth/login": frozenset({401}),
    f"{PREFIX}/auth/register": frozenset({201}),
    f"{PREFIX}/auth/forgot-password": frozenset({202}),
}


class EvenAnswers:
    """The outermost middleware: what it holds is complete, committed, audited and logged."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """`seconds`: the moments at which such answers leave; 0 holds nothing."""
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        held = HELD.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if held is None or not self._seconds:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def evenly(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in held:
                taken = time.perf_counter() - began
                await asyncio.sleep(self._seconds - taken % self._seconds)
            await send(message)

        await self._app(scope, receive, evenly)
