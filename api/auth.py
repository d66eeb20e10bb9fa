"""Signing in and out (contract §3). Nobody learns here whether an address has an account: not by text, code or time."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.backoff import attempt
from api.deps import Configuration, CurrentUser, Db, Engine, Hashing, act_as
from api.errors import documented, refusal
from api.parts import parts_of
from api.routing import PREFIX, feature
from api.second_factor import try_code
from api.sessions import (
    FactorWanted,
    GivenToken,
    SignedIn,
    SignedOut,
    Success,
    notify,
    pair,
    sign_in_as,
    signed_in,
    start_session,
)
from api.step_up import GivenPassword, challenge_for
from infra.database import AUTHENTICATOR, transaction
from models.auth import (
    VERIFICATION_LIFETIME,
    RefreshVerdict,
    already_registered,
    check_password,
    judge_refresh,
    successor,
    token_hash,
    verification,
)
from models.challenges import Purpose
from models.errors import BadCredentials, BadToken, Conflict, EmailNotVerified
from models.letters import email_changed, session_stolen
from models.tables.auth import add_refresh_token, end_sessions, lock_refresh_token, use_refresh_token
from models.tables.email_tokens import add_email_token, find_email_token, spend_email_token, void_email_tokens
from models.tables.factors import has_factor
from models.tables.mail_events import lift_proven
from models.tables.users import User, add_customer, change_user, find_user, lock_signing_in, user
from models.users import Email, Line, Phone

router: APIRouter = feature("auth")


class Registration(BaseModel):
    """Who wants to become a customer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "email": "mira.example@aurum.example",
                    "password": "harbour lantern quiet",
                    "first_name": "Mira",
                    "last_name": "Example",
                }
            ]
        },
    )

    email: Email
    password: GivenPassword
    first_name: Annotated[Line, StringConstraints(max_length=80)] = ""
    last_name: Annotated[Line, StringConstraints(max_length=80)] = ""
    phone: Phone | None = None


class Registered(BaseModel):
    """That a registration was taken. The mail says more, to whoever reads it."""

    email: str = Field(examples=["mira.example@aurum.example"])
    verification_required: Literal[True] = True
    message: str = "We have sent a message to this address. Follow it to finish."


class Credentials(BaseModel):
    """An address and its password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"email": "mira.example@aurum.example", "password": "harbour lantern quiet"}]},
    )

    email: Email
    password: GivenPassword
    code: str | None = Field(default=None, max_length=20, description="A second factor, where one is set up.")


class RefreshOrder(BaseModel):
    """The refresh token of the last answer."""

    model_config = ConfigDict(extra="forbid")

    refreshToken: GivenToken = Field(examples=["q1w2E3r4"])  # noqa: N815 # the name of existing clients


class Verification(BaseModel):
    """The code of a verification mail."""

    model_config = ConfigDict(extra="forbid")

    token: GivenToken = Field(examples=["q1w2E3r4"])


class Departure(BaseModel):
    """Which sessions to end."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(default=False, description="Every session of yours, on every device.")


class EmailChanged(BaseModel):
    """That a new address has taken the place of the old one. Nobody is signed in by it."""

    email: str = Field(examples=["mira.example@aurum.example"])


@router.post("/register", status_code=201, summary="Become a customer", responses=documented(400))
async def register(
    wanted: Registration, config: Configuration, hashing: Hashing, db: Db, request: Request
) -> Success[Registered]:
    """Takes a registration and sends a mail. The answer is the same whether or not the address has an account."""
    audit.note(request, "user", new=wanted.model_dump(exclude={"password"}, exclude_defaults=True))
    check_password(wanted.password, wanted.email, wanted.first_name, wanted.last_name)
    password_hash = await hashing.hash(wanted.password)
    await act_as(request, db, AUTHENTICATOR)
    added = await add_customer(
        db, password_hash=password_hash, **wanted.model_dump(include={"email", "first_name", "last_name", "phone"})
    )
    person = await find_user(db, wanted.email)
    # Whoever asks need not be its owner, whose mailbox is not theirs to fill.
    written = await parts_of(request.scope).limiter.may_write_to(wanted.email)
    if written and person is not None and person.email_verified_at is None:
        await _ask_to_verify(request, db, person, config.public_url)
    elif written and person is not None:
        await notify(request, db, person, "already_registered", already_registered())
    audit.note(request, "user", added or "")
    return Success(data=Registered(email=wanted.email))


@router.post("/verify-email", summary="Confirm an e-mail address", responses=documented(401, 409))
async def verify_email(given: Verification, db: Db, request: Request) -> Success[SignedIn | EmailChanged]:
    """Uses the code of a verification mail up. A newcomer is signed in; somebody who changes to another address is
    not."""
    await act_as(request, db, AUTHENTICATOR)
    presented, purposes = token_hash(given.token), ("verify_email", "change_email")
    token = await find_email_token(db, presented, *purposes)
    await sign_in_as(request, db, token.user_id)
    # The person before their tokens, as everywhere.
    person = await lock_signing_in(db, token.user_id)
    await spend_email_token(db, presented, *purposes)
    if token.new_email is not None:
        return Success(data=await _change_email(request, db, person, token.new_email))
    if person.email_verified_at is not None:
        raise BadToken("This address is confirmed; sign in with your password")
    await change_user(db, person.id, email_verified_at=func.now())
    await lift_proven(db, person.email)
    audit.note(request, "user", person.id, new={"email_verified": True})
    person = await user(db, person.id)
    return Success(data=signed_in(person, await start_session(request, db, person, amr=("email",))).data)


@router.post(
    "/login", summary="Sign in", response_model=Success[SignedIn | FactorWanted], responses=documented(401, 403)
)
async def login(
    given: Credentials, engine: Engine, hashing: Hashing, db: Db, request: Request
) -> Response | Success[SignedIn] | Success[FactorWanted]:
    """Starts a session, or asks for the second factor where one is on and no code was sent along.

    A wrong address and a wrong password are the same answer and the same work.
    """
    audit.note(request, "user", new={"email": given.email})
    async with attempt(request, given.email):
        # In a transaction of its own, so that no connection waits while the password is checked.
        async with transaction(engine, AUTHENTICATOR) as looking:
            known = await find_user(looking, given.email)
        right, renewed_hash = await hashing.verify(given.password, known.password_hash if known else None)
        if known is not None:
            audit.note(request, "user", known.id)
        if known is None or not right:
            raise BadCredentials
    if known.email_verified_at is None:
        raise EmailNotVerified("Confirm your e-mail address first; the link is in the mail that we sent")
    await sign_in_as(request, db, known.id)
    person = await user(db, known.id)
    if person.password_hash != known.password_hash:
        # Changed while this was being checked.
        raise BadCredentials
    if renewed_hash is not None:
        await change_user(db, person.id, password_hash=renewed_hash)
        person = await user(db, known.id)
    if not await has_factor(db, person.id):
        return signed_in(person, await start_session(request, db, person, amr=("pwd",)))
    if given.code is None:
        return Success(data=FactorWanted(challenge=challenge_for(request, Purpose.LOGIN, person)))
    wrong = await try_code(request, db, person, given.code)
    if wrong is not None:
        return refusal(request, wrong)
    return signed_in(person, await start_session(request, db, person, amr=("pwd", "otp")))


@router.post("/refresh", summary="New tokens for old", response_model=Success[SignedIn], responses=documented(401))
async def refresh(given: RefreshOrder, config: Configuration, db: Db, request: Request) -> Response | Success[SignedIn]:
    """Replaces a refresh token by its successor. One that was replaced a while ago ends its session: it was stolen."""
    await act_as(request, db, AUTHENTICATOR)
    presented = token_hash(given.refreshToken)
    token = await lock_refresh_token(db, presented)
    await sign_in_as(request, db, token.session.user_id)
    audit.note(request, "session", token.session.id)
    verdict = judge_refresh(token.expires_at, token.used_at, token.asked_at, session_over=token.session_over)
    if verdict is RefreshVerdict.REFUSE:
        raise BadToken("The session is over; sign in again")
    if verdict is RefreshVerdict.REUSED:
        await end_sessions(db, token.session.user_id, reason="refresh_token_reused", only=token.session.id)
        await notify(request, db, await user(db, token.session.user_id), "session_stolen", session_stolen())
        audit.note(request, "session", token.session.id, new={"revoked": "refresh_token_reused"})
        # Returned and not raised: that the session ends has to stay.
        return refusal(request, BadToken("This refresh token was used before; the session has been ended"))
    following = successor(given.refreshToken, config.token_secret.get_secret_value())
    if verdict is RefreshVerdict.ROTATE:
        await use_refresh_token(db, presented, token.session.id)
    # Where a step-up replaced the token a moment ago, its successor is not there yet.
    await add_refresh_token(db, token.session.id, token_hash(following), seconds=config.refresh_token_seconds)
    person = await user(db, token.session.user_id)
    return signed_in(person, pair(request, person, token.session, following))


@router.post("/logout", summary="Sign out", responses=documented(401))
async def logout(caller: CurrentUser, db: Db, request: Request, wanted: Departure | None = None) -> Success[SignedOut]:
    """Ends this session, or all of yours, at once: their tokens are refused from now on."""
    only = None if wanted and wanted.all else caller.session_id
    ended = await end_sessions(db, caller.id, reason="signed_out", only=only)
    audit.note(request, "session", caller.session_id, new={"sessions_ended": ended})
    return Success(data=SignedOut(sessions_ended=ended))


async def _change_email(request: Request, db: AsyncSession, person: User, new_email: str) -> EmailChanged:
    audit.note(request, "user", person.id, old={"email": person.email}, new={"email": new_email})
    if await find_user(db, new_email) not in (None, person):
        raise Conflict("Another account has this address by now")
    await notify(request, db, person, "email_changed", email_changed(), to_email=person.email)
    # What went to the old address opens nothing any more.
    await void_email_tokens(db, person.id, "reset_password")
    await change_user(db, person.id, email=new_email, email_verified_at=func.now())
    await lift_proven(db, new_email)
    return EmailChanged(email=new_email)


async def _ask_to_verify(request: Request, db: AsyncSession, person: User, public_url: str) -> None:
    token = secrets.token_urlsafe(32)
    seconds = VERIFICATION_LIFETIME.total_seconds()
    await add_email_token(db, person.id, "verify_email", token_hash(token), seconds=seconds)
    letter = verification(f"{public_url}{PREFIX}/auth/verify-email?token=")
    await notify(request, db, person, "verify_email", letter, secret=token)
