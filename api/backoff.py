"""Guessing gets slower: who fails to sign in waits longer each time (`models.backoff`).

    async with attempt(request, given.email):
        ...look, verify...; raise BadCredentials

`BadCredentials` out of the block counts a failure, an end without one is a success, and anything else is neither. A
known address and an unknown one are counted alike, and cost alike.

Attempts on one account are taken one after the other in this process, so that a hundred guesses sent at once are five
and a refusal; across processes the database sees to it once failures are many.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.origin import network_of
from api.parts import parts_of
from infra.database import AUTHENTICATOR, transaction
from models.backoff import PLACE_LIFETIME, TOLD_AT, Counted
from models.errors import BadCredentials, RateLimited
from models.letters import guessed_at
from models.tables.backoff import claim, fail, forget, is_known, name_of, remember, waiting
from models.tables.notifications import tell
from models.tables.users import find_user

_TOO_SOON: Final = "Too many failed attempts; wait a moment and try again"


@asynccontextmanager
async def attempt(request: Request, email: str) -> AsyncIterator[None]:
    """One attempt to sign in as `email`. Raises `RateLimited` when it comes too soon."""
    parts = parts_of(request.scope)
    who, network = email.casefold(), network_of(audit.attempt_of(request).ip_address)
    place, address = name_of(Counted.PLACE, who, network), name_of(Counted.ADDRESS, network)
    async with parts.turns.of(name_of(Counted.ACCOUNT, who)):
        async with transaction(parts.engine, AUTHENTICATOR) as session:
            known = await is_known(session, place, PLACE_LIFETIME)
            counted, name = (Counted.PLACE, place) if known else (Counted.ACCOUNT, name_of(Counted.ACCOUNT, who))
            wait = await waiting(session, [address, name])
            if wait > 0 or not await claim(session, counted, name):
                raise RateLimited(wait, _TOO_SOON)
        try:
            yield
        except BadCredentials:
            async with transaction(parts.engine, AUTHENTICATOR) as session:
                await fail(session, Counted.ADDRESS, address)
                if await fail(session, counted, name) == TOLD_AT:
                    await _tell_owner(session, email)
            raise
        async with transaction(parts.engine, AUTHENTICATOR) as session:
            await forget(session, name)
            await remember(session, place)


async def _tell_owner(session: AsyncSession, email: str) -> None:
    person = await find_user(session, email)
    if person is not None:
        key = f"guessed_at/{person.id}/{secrets.token_hex(8)}"
        await tell(session, user_id=person.id, key=key, event="guessed_at", **guessed_at().model_dump())
