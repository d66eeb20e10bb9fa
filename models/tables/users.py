"""The table of people and the questions asked of it. Functions take a session and never commit."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, Text, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

from models.auth import permissions_of
from models.errors import BadToken, NotFound
from models.kyc.policy import LIMITED_TIER, Act, Standing, refusal
from models.kyc.states import KycStatus, Restriction

_MOMENT: Final = DateTime(timezone=True)


class User(SQLModel, table=True):
    """A person: a customer, or somebody of the bank's staff."""

    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    clerk_user_id: str | None = None
    email: str
    email_verified_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    password_hash: str | None = None
    first_name: str = ""
    last_name: str = ""
    phone: str | None = None
    date_of_birth: date | None = None
    address: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    role: str = "customer"
    preset: str | None = None
    permissions: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    tier: str = "standard"
    kyc_status: str = "not_started"
    risk_level: str = "low"
    kyc_restriction: str = "none"
    kyc_review_due: datetime | None = Field(default=None, sa_type=_MOMENT)
    status: str = "active"
    created_at: datetime = Field(sa_column=Column(_MOMENT, server_default=func.now(), nullable=False))
    updated_at: datetime = Field(sa_column=Column(_MOMENT, server_default=func.now(), nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(_MOMENT))

    @property
    def rights(self) -> frozenset[str]:
        """What the person may do."""
        return permissions_of(self.role, self.preset, self.permissions)

    @property
    def standing(self) -> Standing:
        """What the policy asks about the person."""
        return Standing(
            status=self.status,
            kyc_status=KycStatus(self.kyc_status),
            restriction=Restriction(self.kyc_restriction),
        )

    @property
    def limits_tier(self) -> str:
        """Whose limits hold for the person: those of the tier, or lower ones while a review is overdue."""
        return LIMITED_TIER if self.standing.limited else self.tier


async def find_user(session: AsyncSession, email: str) -> User | None:
    """The person with that e-mail address, however it is capitalised; nobody who was deleted."""
    found = await session.execute(
        select(User).where(func.lower(col(User.email)) == func.lower(email), col(User.deleted_at).is_(None))
    )
    return found.scalar_one_or_none()


async def user(session: AsyncSession, user_id: UUID) -> User:
    """That person. Raises `NotFound`, for somebody whom the transaction may not see too."""
    found = await session.execute(
        select(User)
        .where(col(User.id) == user_id, col(User.deleted_at).is_(None))
        .execution_options(populate_existing=True)
    )
    person = found.scalar_one_or_none()
    if person is None:
        raise NotFound("There is no such person")
    return person


async def lock_user(session: AsyncSession, user_id: UUID) -> User:
    """That person, locked: nobody else changes them until the transaction ends. Raises `NotFound`."""
    await session.execute(select(col(User.id)).where(col(User.id) == user_id).with_for_update(key_share=True))
    return await user(session, user_id)


async def may(session: AsyncSession, user_id: UUID, act: Act, *, lock: bool = False) -> User:
    """That person, if the policy lets them do `act` (`models.kyc.policy`; contract §6).

    Raises `CustomerFrozen`, `KycRequired` and its leaves. With `lock` it stays so until the transaction ends, and only
    one such transaction of a person runs at a time.
    """
    person = await (lock_user if lock else user)(session, user_id)
    refused = refusal(person.standing, act)
    if refused is not None:
        raise refused
    return person


async def may_send_money(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """That person, if money may leave this bank from their accounts. Raises what `may` does."""
    return await may(session, user_id, Act.WIRE, lock=lock)


async def lock_signing_in(session: AsyncSession, user_id: UUID) -> User:
    """That person, locked, for somebody who holds a token of theirs. Raises `BadToken` where they are gone."""
    try:
        return await lock_user(session, user_id)
    except NotFound:
        raise BadToken("This is worth nothing any more") from None


async def staff_with(session: AsyncSession, permission: str) -> list[UUID]:
    """Everybody on the staff who has `permission`. For the roles of the worker and of the owner.

    In the same order for everybody, so that two transactions that tell the same people do not wait for each other.
    """
    rows = await session.execute(
        select(col(User.id), col(User.role), col(User.preset), col(User.permissions))
        .where(col(User.role) != "customer", col(User.status) == "active", col(User.deleted_at).is_(None))
        .order_by(col(User.id))
    )
    return [row[0] for row in rows.all() if permission in permissions_of(row[1], row[2], row[3])]


def known_of(person: User) -> tuple[str, ...]:
    """What a password is not made of: what others know of its person."""
    return (person.email, person.first_name, person.last_name)


async def add_customer(
    session: AsyncSession, *, email: str, password_hash: str, first_name: str, last_name: str, phone: str | None
) -> UUID | None:
    """Registers a customer and returns their id; None where the address is taken, whoever was first."""
    added = await session.execute(
        insert(User)
        .values(
            id=uuid7(),
            email=email,
            password_hash=password_hash,
            first_name=first_name,
            last_name=last_name,
            phone=phone,
        )
        .on_conflict_do_nothing()
        .returning(col(User.id))
    )
    return added.scalar_one_or_none()


async def change_user(session: AsyncSession, user_id: UUID, **values: Any) -> None:
    """Sets columns of a person. The API's role may set those that are a person's own to change.

    A `User` that was read before does not know of it: read it again.
    """
    change = update(User).where(col(User.id) == user_id).values(**values, updated_at=func.now())
    await session.execute(change, execution_options={"synchronize_session": False})
