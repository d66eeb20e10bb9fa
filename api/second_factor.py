"""Checking the answer to a second factor. What was tried stays, right or wrong: the caller returns what is given back
instead of raising it, so that the count of wrong codes is committed.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.parts import parts_of
from api.sessions import notify
from infra.crypto import FieldContext, Keyring
from models.errors import AurumError, RateLimited, WrongCode
from models.factors import matching_step, recovery_hash, wait_after
from models.letters import recovery_code_used
from models.tables.factors import Factor, lock_factor, note_wrong_code, spend_recovery_code, use_step
from models.tables.users import User


def sealing(request: Request) -> Keyring:
    """The keys of personal data."""
    settings = parts_of(request.scope).settings
    return Keyring.of(settings.field_keys, settings.field_key_id)


def seed_context(user_id: object) -> FieldContext:
    """Where a person's seed stands."""
    return FieldContext("totp_factors", "seed_sealed", str(user_id))


async def try_code(request: Request, db: AsyncSession, person: User, code: str) -> AurumError | None:
    """Uses a code of the authenticator app up. None if it is right; else the refusal, to be returned."""

    async def right(factor: Factor) -> bool:
        seed = sealing(request).open(factor.seed_sealed, seed_context(person.id)).decode()
        step = matching_step(seed, code, factor.asked_at)
        return step is not None and await use_step(db, person.id, step)

    return await _tried(db, person, right)


async def try_recovery_code(request: Request, db: AsyncSession, person: User, code: str) -> AurumError | None:
    """Uses a recovery code up and tells its person. None if it is right; else the refusal, to be returned."""

    async def right(_: Factor) -> bool:
        left = await spend_recovery_code(db, person.id, recovery_hash(code))
        if left is not None:
            await notify(request, db, person, "recovery_code_used", recovery_code_used(left))
        return left is not None

    return await _tried(db, person, right)


async def _tried(db: AsyncSession, person: User, right: Callable[[Factor], Awaitable[bool]]) -> AurumError | None:
    factor = await lock_factor(db, person.id)
    if factor is None:
        return WrongCode("The code is wrong or was used before")
    if factor.wrong_code_at is not None:
        left = factor.wrong_code_at + wait_after(factor.wrong_codes) - factor.asked_at
        if left.total_seconds() > 0:
            return RateLimited(left.total_seconds(), "Too many wrong codes; wait before the next one")
    if await right(factor):
        return None
    await note_wrong_code(db, person.id)
    return WrongCode("The code is wrong or was used before")
