"""People who sign in by an external identity provider: who they are here, and their sessions (contract §2)."""

from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from uuid_utils.compat import uuid7

from models.tables.users import User

# A session there is one session here, with an id that follows from it: what was ended here stays ended.
_STAY: Final = text(
    "INSERT INTO sessions AS kept (id, user_id, amr, ip_address, user_agent)"
    " VALUES (:id, :user_id, '{ext}', :ip_address, :user_agent)"
    " ON CONFLICT (id) DO UPDATE SET last_seen_at = now() WHERE kept.user_id = excluded.user_id"
    " RETURNING (xmax = 0) AS opened"
)


def session_id(issuer: str, subject: str, session: str) -> UUID:
    """The id of the session here that `session` of `subject` is there."""
    return uuid5(NAMESPACE_URL, f"{issuer}\x1f{subject}\x1f{session}")


async def linked_person(session: AsyncSession, clerk_user_id: str) -> User | None:
    """The person who is linked to that identity; nobody who was deleted."""
    found = await session.execute(
        select(User).where(col(User.clerk_user_id) == clerk_user_id, col(User.deleted_at).is_(None))
    )
    return found.scalar_one_or_none()


async def add_linked_customer(
    session: AsyncSession, *, clerk_user_id: str, email: str, first_name: str, last_name: str
) -> bool:
    """Makes a customer without a password, whose address the provider has verified. False where the address or the
    identity is taken, whoever was first."""
    added = await session.execute(
        insert(User)
        .values(
            id=uuid7(),
            clerk_user_id=clerk_user_id,
            email=email,
            email_verified_at=func.now(),
            first_name=first_name,
            last_name=last_name,
        )
        .on_conflict_do_nothing()
        .returning(col(User.id))
    )
    return added.scalar_one_or_none() is not None


async def end_external_sessions(session: AsyncSession, user_id: UUID) -> None:
    """Ends the sessions of a person that an external identity has opened."""
    await session.execute(
        text(
            "UPDATE sessions SET revoked_at = now(), revoked_reason = 'identity_unlinked'"
            " WHERE user_id = :user_id AND revoked_at IS NULL AND 'ext' = ANY (amr)"
        ),
        {"user_id": user_id},
    )


async def stay(
    session: AsyncSession, stay_id: UUID, user_id: UUID, *, ip_address: str | None, user_agent: str | None
) -> bool:
    """Notes that a session goes on, or begins: True then."""
    values = {"id": stay_id, "user_id": user_id, "ip_address": ip_address, "user_agent": user_agent}
    return bool((await session.execute(_STAY, values)).scalar_one_or_none())
