"""Tokens that are sent by e-mail: kept as hashes, good for a while, used once."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import BadToken

_SPENT: Final = "The link was used before, has expired, or is not one of ours"


class EmailToken(BaseModel):
    """A token that was sent by e-mail: whose it is, and what for."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    purpose: str
    new_email: str | None


async def add_email_token(
    session: AsyncSession,
    user_id: UUID,
    purpose: str,
    token_hash: bytes,
    *,
    seconds: float,
    new_email: str | None = None,
) -> None:
    """Stores a token that is sent by e-mail; to `new_email` where the purpose is to change to it."""
    await session.execute(
        text(
            "INSERT INTO email_tokens (token_hash, user_id, purpose, expires_at, new_email)"
            " VALUES (:token_hash, :user_id, :purpose, now() + make_interval(secs => :seconds), :new_email)"
        ),
        {
            "token_hash": token_hash,
            "user_id": user_id,
            "purpose": purpose,
            "seconds": seconds,
            "new_email": new_email,
        },
    )


async def find_email_token(session: AsyncSession, token_hash: bytes, *purposes: str) -> EmailToken:
    """A token that can be used now, not used up by this. Raises `BadToken` for one that is unknown, used or expired."""
    found = await session.execute(
        text(
            "SELECT user_id, purpose, new_email FROM email_tokens WHERE token_hash = :token_hash"
            " AND purpose = ANY(:purposes) AND used_at IS NULL AND expires_at > now()"
        ),
        {"token_hash": token_hash, "purposes": list(purposes)},
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise BadToken(_SPENT)
    return EmailToken.model_validate(dict(row))


async def spend_email_token(session: AsyncSession, token_hash: bytes, *purposes: str) -> EmailToken:
    """Uses a token up, and with it every other one of that person and purpose.

    Raises `BadToken` for one that is unknown, used or expired.
    """
    spent = await session.execute(
        text(
            "UPDATE email_tokens SET used_at = now() WHERE token_hash = :token_hash AND purpose = ANY(:purposes)"
            " AND used_at IS NULL AND expires_at > now() RETURNING user_id, purpose, new_email"
        ),
        {"token_hash": token_hash, "purposes": list(purposes)},
    )
    row = spent.mappings().one_or_none()
    if row is None:
        raise BadToken(_SPENT)
    token = EmailToken.model_validate(dict(row))
    await void_email_tokens(session, token.user_id, token.purpose)
    return token


async def live_email_tokens(session: AsyncSession, user_id: UUID, purpose: str) -> int:
    """How many tokens that were sent to a person for that purpose can be used now."""
    found = await session.execute(
        text(
            "SELECT count(*) FROM email_tokens WHERE user_id = :user_id AND purpose = :purpose AND used_at IS NULL"
            " AND expires_at > now()"
        ),
        {"user_id": user_id, "purpose": purpose},
    )
    return int(found.scalar_one())


async def void_email_tokens(session: AsyncSession, user_id: UUID, *purposes: str) -> None:
    """Makes the tokens that a person was sent for these purposes worthless."""
    await session.execute(
        text(
            "UPDATE email_tokens SET used_at = now() WHERE user_id = :user_id AND purpose = ANY(:purposes)"
            " AND used_at IS NULL"
        ),
        {"user_id": user_id, "purposes": list(purposes)},
    )
