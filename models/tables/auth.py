"""Sessions and tokens as they are kept, and the questions asked of them."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.auth import SESSION_LIFETIME, Claims, Role, permissions_of, same_device
from models.errors import BadToken
from models.tables.users import User


class Caller(BaseModel):
    """A signed-in person, as the database knows them at this moment."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    session_id: UUID
    email: str
    first_name: str
    last_name: str
    role: str
    preset: str | None
    permissions: frozenset[str]
    tier: str
    kyc_status: str
    status: str
    auth_time: datetime


# Taking on the person's rights and reading their session is one round trip. The order inside it matters: the rights
# have to be set before row level security looks at the two tables. The materialised query runs first, and OFFSET 0
# keeps the planner from joining the other way round.
_AUTHENTICATE: Final = text(
    "WITH me AS MATERIALIZED ("
    " SELECT set_config('app.user_id', :user_id, true) AS user_id, set_config('app.role', :role, true) AS role,"
    " set_config('app.permissions', :permissions, true) AS permissions, CAST(:session_id AS uuid) AS session_id)"
    " SELECT p.* FROM me CROSS JOIN LATERAL ("
    " SELECT u.id, s.id AS session_id, u.email, u.first_name, u.last_name, u.role, u.preset,"
    " u.permissions, u.tier, u.kyc_status, u.status, s.auth_time"
    " FROM sessions s JOIN users u ON u.id = s.user_id"
    " WHERE s.id = me.session_id AND s.user_id = CAST(me.user_id AS uuid) AND s.revoked_at IS NULL"
    " AND u.deleted_at IS NULL OFFSET 0) p"
)


async def authenticate(session: AsyncSession, claims: Claims) -> Caller:
    """Makes the transaction the token's person's, and returns them.

    Raises `BadToken` when the session is over, the person's rights are no longer those of the token, or they are of
    the staff and frozen. A frozen customer can still see what is theirs.
    """
    permissions = ",".join(sorted(claims.permissions))
    row = (
        await session.execute(
            _AUTHENTICATE,
            {"user_id": str(claims.sub), "role": claims.role, "permissions": permissions, "session_id": claims.sid},
        )
    ).one_or_none()
    if row is None:
        raise BadToken("The session is over; sign in again")
    rights = permissions_of(row.role, row.preset, row.permissions)
    if row.role != claims.role or rights != claims.permissions:
        raise BadToken("Your rights have changed; refresh the token")
    if row.status != "active" and row.role != Role.CUSTOMER:
        raise BadToken("Your access is frozen; ask an administrator")
    return Caller.model_construct(**{**row._mapping, "permissions": rights})


class Session(BaseModel):
    """Somebody's stay, from signing in to signing out. `amr` says by what they signed in (RFC 8176)."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]


class RefreshToken(BaseModel):
    """A refresh token with its session. `asked_at` is the moment at which both were read."""

    model_config = ConfigDict(frozen=True)

    session: Session
    expires_at: datetime
    used_at: datetime | None
    session_over: bool
    asked_at: datetime


async def open_session(
    session: AsyncSession, user_id: UUID, *, amr: tuple[str, ...], ip_address: str | None, user_agent: str | None
) -> Session:
    """A new session of `user_id`."""
    session_id = uuid7()
    opened = await session.execute(
        text(
            "INSERT INTO sessions (id, user_id, amr, ip_address, user_agent)"
            " VALUES (:id, :user_id, :amr, :ip_address, :user_agent) RETURNING auth_time"
        ),
        {"id": session_id, "user_id": user_id, "amr": list(amr), "ip_address": ip_address, "user_agent": user_agent},
    )
    return Session(id=session_id, user_id=user_id, auth_time=opened.scalar_one(), amr=amr)


async def end_sessions(
    session: AsyncSession, user_id: UUID, *, reason: str, only: UUID | None = None, but: UUID | None = None
) -> int:
    """Ends one session of a person, all of them, or all `but` one. Returns how many were open."""
    ended = await session.execute(
        text(
            "UPDATE sessions SET revoked_at = now(), revoked_reason = :reason WHERE user_id = :user_id"
            " AND revoked_at IS NULL AND (CAST(:only AS uuid) IS NULL OR id = :only)"
            " AND id IS DISTINCT FROM CAST(:but AS uuid) RETURNING id"
        ),
        {"user_id": user_id, "reason": reason, "only": only, "but": but},
    )
    return len(ended.all())


async def renew_session(session: AsyncSession, session_id: UUID, user_id: UUID, amr: tuple[str, ...]) -> Session:
    """Notes that the person of a session has proved just now who they are, and takes its refresh tokens out of use."""
    renewed = await session.execute(
        text(
            "UPDATE sessions SET auth_time = now(), last_seen_at = now(), amr = :amr WHERE id = :id RETURNING auth_time"
        ),
        {"id": session_id, "amr": list(amr)},
    )
    auth_time = renewed.scalar_one()
    await session.execute(
        text("UPDATE refresh_tokens SET used_at = clock_timestamp() WHERE session_id = :id AND used_at IS NULL"),
        {"id": session_id},
    )
    return Session(id=session_id, user_id=user_id, auth_time=auth_time, amr=amr)


async def add_proof(session: AsyncSession, session_id: UUID, proof: str) -> None:
    """Notes that the person of a session has proved just now who they are, by one thing more."""
    await session.execute(
        text(
            "UPDATE sessions SET auth_time = now(), amr = array_append(array_remove(amr, :proof), :proof)"
            " WHERE id = :id"
        ),
        {"id": session_id, "proof": proof},
    )


async def proofs_of(session: AsyncSession, session_id: UUID) -> frozenset[str]:
    """By what the person of that session has proved who they are (RFC 8176)."""
    found = await session.execute(text("SELECT amr FROM sessions WHERE id = :id"), {"id": session_id})
    return frozenset(found.scalar_one())


async def is_new_device(session: AsyncSession, person: User, agent: str | None, address: str | None) -> bool:
    """Whether a sign-in comes from where that person was not seen; never for the first one of a newcomer."""
    found = await session.execute(
        text("SELECT DISTINCT user_agent, ip_address FROM sessions WHERE user_id = :user_id"), {"user_id": person.id}
    )
    seen = found.all()
    if not seen:
        # Whose sessions were all cleaned away has been here before.
        return person.email_verified_at is not None and datetime.now(UTC) - person.email_verified_at > timedelta(days=1)
    return not any(same_device(agent, address, row.user_agent, row.ip_address) for row in seen)


async def add_refresh_token(session: AsyncSession, session_id: UUID, token_hash: bytes, *, seconds: int) -> None:
    """Stores a refresh token of a session, once."""
    await session.execute(
        text(
            "INSERT INTO refresh_tokens (token_hash, session_id, expires_at)"
            " VALUES (:token_hash, :session_id, now() + make_interval(secs => :seconds)) ON CONFLICT DO NOTHING"
        ),
        {"token_hash": token_hash, "session_id": session_id, "seconds": seconds},
    )


async def lock_refresh_token(session: AsyncSession, token_hash: bytes) -> RefreshToken:
    """A refresh token with its session, locked: of two callers the second sees what the first did.

    Raises `BadToken` for one that was never given out.
    """
    locked = await session.execute(
        text("SELECT FROM refresh_tokens WHERE token_hash = :token_hash FOR UPDATE"), {"token_hash": token_hash}
    )
    if locked.first() is None:
        raise BadToken("The refresh token is not one of ours")
    # A statement of its own, whose snapshot is taken when the lock has been waited for.
    found = await session.execute(
        text(
            "SELECT s.id, s.user_id, s.auth_time, s.amr, t.expires_at, t.used_at, clock_timestamp() AS asked_at,"
            " s.revoked_at IS NOT NULL OR u.deleted_at IS NOT NULL OR s.created_at < now() - :lifetime AS session_over"
            " FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id"
            " WHERE t.token_hash = :token_hash"
        ),
        {"token_hash": token_hash, "lifetime": SESSION_LIFETIME},
    )
    row = found.mappings().one()
    return RefreshToken(session=Session.model_validate(dict(row)), **row)


async def use_refresh_token(session: AsyncSession, token_hash: bytes, session_id: UUID) -> None:
    """Notes that a refresh token was used, and that its session was seen."""
    await session.execute(
        text("UPDATE refresh_tokens SET used_at = clock_timestamp() WHERE token_hash = :token_hash"),
        {"token_hash": token_hash},
    )
    await session.execute(
        text("UPDATE sessions SET last_seen_at = now() WHERE id = :session_id"), {"session_id": session_id}
    )
