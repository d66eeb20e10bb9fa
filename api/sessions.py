"""What every way of signing in ends with: a session, and a pair of tokens for it."""

import secrets
import time

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from api import audit
from api.deps import act_as
from api.parts import parts_of
from infra.database import Principal
from models.auth import Claims, token_hash
from models.tables.auth import Session, add_refresh_token, open_session
from models.tables.users import User

# Sign-in code acts for a person whose rights it does not have: row level security knows it by this role.
SIGNING_IN = "authenticator"


class TokenPair(BaseModel):
    """An access token for requests, and a refresh token for the next pair. The names are those of existing clients."""

    accessToken: str = Field(examples=["eyJhbGciOiJFZERTQSJ9.e30.c2ln"])  # noqa: N815 # contract §3
    refreshToken: str = Field(examples=["q1w2E3r4"])  # noqa: N815 # contract §3
    expiresIn: str = Field(examples=["15m"])  # noqa: N815 # contract §3


async def start_session(request: Request, db: AsyncSession, person: User, *, amr: tuple[str, ...]) -> TokenPair:
    """Signs `person` in: a new session and its first tokens. `amr` says by what (RFC 8176)."""
    attempt = audit.attempt_of(request)
    opened = await open_session(db, person.id, amr=amr, ip_address=attempt.ip_address, user_agent=attempt.user_agent)
    refresh = secrets.token_urlsafe(32)
    await add_refresh_token(
        db, opened.id, token_hash(refresh), seconds=parts_of(request.scope).settings.refresh_token_seconds
    )
    return pair(request, person, opened, refresh)


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
    )
    minutes = settings.access_token_seconds // 60
    return TokenPair(accessToken=parts.tokens.sign(claims), refreshToken=refresh, expiresIn=f"{minutes}m")


async def sign_in_as(request: Request, db: AsyncSession, person_id: object) -> None:
    """Lets sign-in code write what belongs to a person, in the person's name."""
    await act_as(request, db, Principal(user_id=person_id, role=SIGNING_IN))
