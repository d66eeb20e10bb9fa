"""Passwords: forgotten, set anew by a mail, and changed by somebody who is signed in (contract §3)."""

import secrets
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.deps import Bearer, Configuration, Db, Engine, Hashing, act_as, signed_in_person
from api.errors import documented
from api.routing import PREFIX, feature
from api.sessions import GivenToken, Success, notify, sign_in_as
from api.step_up import WRONG_ONE, GivenPassword, own_password, require_fresh
from infra.database import AUTHENTICATOR, transaction
from models.auth import RESET_LIFETIME, check_password, token_hash
from models.errors import BadCredentials
from models.letters import password_changed, password_reset
from models.tables.auth import end_sessions
from models.tables.email_tokens import (
    add_email_token,
    find_email_token,
    live_email_tokens,
    spend_email_token,
    void_email_tokens,
)
from models.tables.factors import has_factor
from models.tables.mail_events import lift_proven
from models.tables.users import User, change_user, find_user, known_of, lock_signing_in, lock_user
from models.users import Email

router: APIRouter = feature("users", prefix="")

# Mails with a way to a new password that are good at the same time.
MAILS_AT_ONCE: Final = 3


class Forgetful(BaseModel):
    """Whose password is forgotten."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email": "mira.example@aurum.example"}]})

    email: Email


class Asked(BaseModel):
    """That a mail was sent, if the address has an account."""

    message: str = "If this address has an account, we have sent a message to it. It is good for 30 minutes."


class Reset(BaseModel):
    """The code of the mail, and the new password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"token": "q1w2E3r4", "password": "quiet lantern harbour"}]},
    )

    token: GivenToken
    password: GivenPassword


class PasswordChange(BaseModel):
    """The password of now, and the next one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"current_password": "harbour lantern quiet", "new_password": "quiet lantern harbour"}]
        },
    )

    current_password: GivenPassword
    new_password: GivenPassword


class PasswordChanged(BaseModel):
    """That the password is another one, and how many sessions have ended with it."""

    password_changed: bool = True
    sessions_ended: int = Field(examples=[1])


@router.post("/auth/forgot-password", status_code=202, summary="Ask for a new password by e-mail")
async def forgot_password(given: Forgetful, config: Configuration, db: Db, request: Request) -> Success[Asked]:
    """Sends a mail that lets its reader set a new password. Answers the same whether or not the address has an account.

    `api.timing` holds the answer, so that its time says nothing either.
    """
    audit.note(request, "user", new=given.model_dump())
    await act_as(request, db, AUTHENTICATOR)
    person = await find_user(db, given.email)
    # An earlier mail stays good until one is used, so that a stranger who asks spoils nothing; and after a few they do
    # not fill a mailbox.
    if person is not None and await live_email_tokens(db, person.id, "reset_password") < MAILS_AT_ONCE:
        token = secrets.token_urlsafe(32)
        seconds = RESET_LIFETIME.total_seconds()
        await add_email_token(db, person.id, "reset_password", token_hash(token), seconds=seconds)
        letter = password_reset(f"{config.public_url}{PREFIX}/auth/reset-password?token=")
        await notify(request, db, person, "password_reset", letter, secret=token)
        audit.note(request, "user", person.id)
    return Success(data=Asked())


@router.post("/auth/reset-password", summary="Set a new password", responses=documented(400, 401))
async def reset_password(
    given: Reset, engine: Engine, hashing: Hashing, db: Db, request: Request
) -> Success[PasswordChanged]:
    """Uses the code of the mail up, sets the password, and ends every session.

    Nobody is signed in by it: the next login asks for the new password, and for the second factor where there is one.
    """
    presented = token_hash(given.token)
    # Looked at before the password is hashed, so that a code out of the air costs no such work.
    async with transaction(engine, AUTHENTICATOR) as looking:
        found = await find_email_token(looking, presented, "reset_password")
        about = known_of(await lock_signing_in(looking, found.user_id))
    audit.note(request, "user", found.user_id)
    check_password(given.password, *about)
    password_hash = await hashing.hash(given.password)
    await sign_in_as(request, db, found.user_id)
    person = await lock_signing_in(db, found.user_id)
    await spend_email_token(db, presented, "reset_password")
    ended = await end_sessions(db, person.id, reason="password_reset")
    # Whoever has the code reads the address.
    await change_user(db, person.id, email_verified_at=func.coalesce(User.email_verified_at, func.now()))
    await lift_proven(db, person.email)
    await void_email_tokens(db, person.id, "verify_email")
    return Success(data=await _changed(request, db, person, password_hash, ended))


@router.put("/users/me/password", summary="Change your password", responses=documented(400, 401, 403))
async def change_password(
    given: PasswordChange, bearer: Bearer, hashing: Hashing, db: Db, request: Request
) -> PasswordChanged:
    """Asks for the password of now, and for a fresh second factor where one is on. Ends your other sessions."""
    audit.note(request, "user")
    known = await own_password(request, bearer, given.current_password)
    check_password(given.new_password, *known_of(known))
    password_hash = await hashing.hash(given.new_password)
    caller = await signed_in_person(request, bearer, db)
    audit.note(request, "user", caller.id)
    if await has_factor(db, caller.id):
        await require_fresh(request, db, caller)
    person = await lock_user(db, caller.id)
    if person.password_hash != known.password_hash:
        raise BadCredentials(WRONG_ONE)
    ended = await end_sessions(db, caller.id, reason="password_changed", but=caller.session_id)
    await sign_in_as(request, db, caller.id)
    return await _changed(request, db, person, password_hash, ended)


async def _changed(request: Request, db: AsyncSession, person: User, password_hash: str, ended: int) -> PasswordChanged:
    await change_user(db, person.id, password_hash=password_hash)
    await void_email_tokens(db, person.id, "reset_password", "change_email")
    await notify(request, db, person, "password_changed", password_changed())
    audit.note(request, "user", person.id, new={"password": "", "sessions_ended": ended})
    return PasswordChanged(sessions_ended=ended)
