"""What every way of signing in ends with: a session, and a pair of tokens for it."""

import secrets
import time
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from api import audit
from api.deps import act_as
from api.parts import parts_of
from api.profiles import ProfileView, profile
from infra.crypto import FieldContext, Keyring
from infra.database import Principal
from models.auth import Claims, Letter, token_hash
from models.letters import new_device
from models.tables.auth import Session, add_refresh_token, is_new_device, open_session
from models.tables.notifications import tell
from models.tables.users import User

# Sign-in code acts for a person whose rights it does not have: row level security knows it by this role.
SIGNING_IN = "authenticator"


T = TypeVar("T")
GivenToken = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Success(BaseModel, Generic[T]):
    """The envelope that existing clients of these routes expect."""

    success: Literal[True] = True
    data: T


class TokenPair(BaseModel):
    """An access token for requests, and a refresh token for the next pair. The names are those of existing clients."""

    accessToken: str = Field(examples=["eyJhbGciOiJFZERTQSJ9.e30.c2ln"])  # noqa: N815 # contract §3
    refreshToken: str = Field(examples=["q1w2E3r4"])  # noqa: N815 # contract §3
    expiresIn: str = Field(examples=["15m"])  # noqa: N815 # contract §3


class SignedIn(BaseModel):
    """Who is signed in, and the tokens to go on with."""

    user: ProfileView
    tokens: TokenPair


class FactorWanted(BaseModel):
    """The password was right, and a second factor is on: `POST /users/2fa/verify` takes the challenge with a code."""

    two_factor_required: Literal[True] = True
    challenge: str = Field(examples=["q1w2E3r4"])


class SignedOut(BaseModel):
    """How many sessions have ended."""

    sessions_ended: int = Field(examples=[1])


def signed_in(person: User, tokens: TokenPair) -> Success[SignedIn]:
    """The answer to whoever has signed in."""
    return Success(data=SignedIn(user=profile(person), tokens=tokens))


async def notify(
    request: Request,
    db: AsyncSession,
    person: User,
    event: str,
    letter: Letter,
    *,
    to_email: str | None = None,
    secret: str | None = None,
) -> None:
    """Writes to `person` about their own sign-in. `secret` is kept sealed until it is sent."""
    settings = parts_of(request.scope).settings
    keyring = Keyring.of(settings.field_keys, settings.field_key_id)
    await tell(
        db,
        user_id=person.id,
        key=f"{event}/{person.id}/{secrets.token_hex(8)}",
        event=event,
        to_email=to_email,
        seal=None if secret is None else lambda row: keyring.seal(secret.encode(), _place_of_secret(row)),
        **letter.model_dump(),
    )


def _place_of_secret(row: UUID) -> FieldContext:
    return FieldContext("notifications", "secret_sealed", row)


async def start_session(request: Request, db: AsyncSession, person: User, *, amr: tuple[str, ...]) -> TokenPair:
    """Signs `person` in: a new session and its first tokens. `amr` says by what (RFC 8176)."""
    attempt = audit.attempt_of(request)
    if await is_new_device(db, person, attempt.user_agent, attempt.ip_address):
        await notify(request, db, person, "new_device", new_device(attempt.user_agent, attempt.ip_address))
    opened = await open_session(db, person.id, amr=amr, ip_address=attempt.ip_address, user_agent=attempt.user_agent)
    return await new_tokens(request, db, person, opened)


async def new_tokens(request: Request, db: AsyncSession, person: User, session: Session) -> TokenPair:
    """The first tokens of a session, or of one that was renewed."""
    refresh = secrets.token_urlsafe(32)
    seconds = parts_of(request.scope).settings.refresh_token_seconds
    await add_refresh_token(db, session.id, token_hash(refresh), seconds=seconds)
    return pair(request, person, session, refresh)


def pair(request: Request, person: User, session: Session, refresh: str) -> TokenPair:
    """An access token for `session` beside the refresh token `refresh`."""
    parts = parts_of(request.scope)
    settings = parts.settings
    audit.attempt_of(request).session_id = session.id
    now = int(time.time())
    claims = Claims(
        sub=person.id,
        email=person.email,
        role=person.role,
        tier=person.tier,
        permissions=person.rights,
        iat=now,
        exp=now + settings.access_token_seconds,
        jti=uuid7().hex,
        sid=session.id,
        auth_time=int(session.auth_time.timestamp()),
        amr=session.amr,
        clerk_user_id=person.clerk_user_id,
    )
    minutes = settings.access_token_seconds // 60
    return TokenPair(accessToken=parts.tokens.sign(claims), refreshToken=refresh, expiresIn=f"{minutes}m")


async def sign_in_as(request: Request, db: AsyncSession, person_id: object) -> None:
    """Lets sign-in code write what belongs to a person, in the person's name."""
    await act_as(request, db, Principal(user_id=person_id, role=SIGNING_IN))
