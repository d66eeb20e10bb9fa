"""People for the bank's staff: find them, freeze them, help them who lost their second factor (contract §12)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.admin.audit import router
from api.deps import Db, StaffWithAny
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.sessions import notify
from api.step_up import FreshAuthentication
from models.auth import Letter, Permission
from models.letters import factors_reset, frozen_by_bank, signed_out_by_bank, unfrozen_by_bank
from models.tables import people
from models.tables.accounts import accounts_of
from models.tables.auth import Caller
from models.tables.people import PeopleWanted
from models.tables.users import User, user

# Row level security on people says the same.
READERS: Final = (
    Permission.ADMIN_USERS,
    Permission.ADMIN_COMPLIANCE,
    Permission.ADMIN_SYSTEM,
    Permission.ADMIN_REPORTS,
)
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class PersonLine(BaseModel):
    """Somebody in the list of people."""

    id: UUID
    email: str = Field(examples=["ada.quill@customers.aurum.example"])
    first_name: str = Field(examples=["Ada"])
    last_name: str = Field(examples=["Quill"])
    role: str = Field(examples=["customer"])
    preset: str | None = Field(examples=["operations"])
    tier: str = Field(examples=["premium"])
    kyc_status: str = Field(examples=["approved"])
    risk_level: str = Field(examples=["low"])
    status: str = Field(description="`active` or `frozen`", examples=["active"])
    created_at: datetime


class PersonAccount(BaseModel):
    """An account of somebody, shown to staff with `accounts:read`."""

    id: UUID
    account_number: str = Field(examples=["1000000029"])
    account_type: str = Field(examples=["checking"])
    currency: str = Field(examples=["EUR"])
    status: str = Field(examples=["active"])
    balance: Decimal = Field(examples=[1200.50])
    available_balance: Decimal = Field(examples=[1150.50])


class PersonView(PersonLine):
    """Somebody with what staff need to help them."""

    phone: str | None
    date_of_birth: date | None
    email_verified_at: datetime | None
    two_factor: bool
    open_sessions: int = Field(examples=[2])
    last_seen_at: datetime | None
    accounts: list[PersonAccount]


class Act(BaseModel):
    """Why it is done; it stays in the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(examples=["Asked for by telephone, called back on the number on file"])


class Done(BaseModel):
    """What the act has changed. `changed` is false where it was so already."""

    id: UUID
    changed: bool
    sessions_ended: int = Field(default=0, examples=[2])


Reader = Annotated[Caller, StaffWithAny(*READERS)]


async def _operator(user: FreshAuthentication, _reader: Reader) -> Caller:
    return user


# Each of these acts opens a way into somebody's money, or bars it: the officer proves afresh who they are.
Operator = Annotated[Caller, Depends(_operator)]
_Word = Annotated[str | None, Query(min_length=1, max_length=40)]


async def _wanted(
    q: Annotated[str, Query(max_length=100, description="Part of a name or address; an id; an account number.")] = "",
    role: _Word = None,
    status: _Word = None,
    kyc_status: _Word = None,
    risk_level: _Word = None,
    tier: _Word = None,
) -> PeopleWanted:
    return PeopleWanted(
        words=q.strip(), role=role, status=status, kyc_status=kyc_status, risk_level=risk_level, tier=tier
    )


@router.get("/users", summary="Find people", responses=documented(401, 403))
async def list_users(
    _reader: Reader, db: Db, wanted: PageQuery, chosen: Annotated[PeopleWanted, Depends(_wanted)]
) -> Page[PersonLine]:
    """Customers and staff, newest first. With `q` the newest 500 that match."""

    def line(row: User) -> PersonLine:
        return PersonLine.model_validate(row, from_attributes=True)

    return await page_of(db, await people.people(db, chosen), User.id, wanted, line)


@router.get("/users/{user_id}", summary="Read a person", responses=documented(401, 403, 404))
async def read_user(user_id: UUID, _reader: Reader, db: Db) -> PersonView:
    """Who they are, how they sign in, and their accounts."""
    person = await user(db, user_id)
    security = await people.security_of(db, user_id)
    values = {name: getattr(person, name) for name in PersonView.model_fields if hasattr(person, name)}
    accounts = [PersonAccount.model_validate(row, from_attributes=True) for row in await accounts_of(db, user_id)]
    return PersonView(**values, **security.model_dump(), accounts=accounts)


@router.post("/users/{user_id}/freeze", summary="Freeze a person", responses=documented(401, 403, 404))
async def freeze_user(user_id: UUID, act: Act, _officer: Operator, db: Db, request: Request) -> Done:
    """No money leaves the accounts of a frozen customer; frozen staff are signed out and can do nothing."""
    return await _freeze(request, db, user_id, act, frozen=True)


@router.post("/users/{user_id}/unfreeze", summary="End a freeze", responses=documented(401, 403, 404))
async def unfreeze_user(user_id: UUID, act: Act, _officer: Operator, db: Db, request: Request) -> Done:
    """For compliance, who know why the person was frozen."""
    return await _freeze(request, db, user_id, act, frozen=False)


async def _freeze(request: Request, db: AsyncSession, user_id: UUID, act: Act, *, frozen: bool) -> Done:
    before, after = ("active", "frozen") if frozen else ("frozen", "active")
    audit.note(request, "user", user_id, new={"status": after, "reason": act.reason})
    changed = await people.freeze_user(db, user_id, frozen=frozen)
    if changed:
        audit.note(request, "user", user_id, old={"status": before})
        letter = frozen_by_bank() if frozen else unfrozen_by_bank()
        await _tell(request, db, user_id, "frozen" if frozen else "unfrozen", letter)
    return Done(id=user_id, changed=changed)


@router.post("/users/{user_id}/reset-2fa", summary="Take a second factor away", responses=documented(401, 403, 404))
async def reset_second_factor(user_id: UUID, act: Act, _officer: Operator, db: Db, request: Request) -> Done:
    """For somebody who has lost their authenticator and their recovery codes, after their identity was checked by
    another way (OWASP ASVS 5.0, 6.4.4). They are signed out everywhere and are written to."""
    audit.note(request, "user", user_id, new={"two_factor": False, "reason": act.reason})
    changed = await people.reset_factors(db, user_id)
    if changed:
        await _tell(request, db, user_id, "factors_reset", factors_reset())
    return Done(id=user_id, changed=changed)


@router.post("/users/{user_id}/end-sessions", summary="Sign a person out", responses=documented(401, 403, 404))
async def end_user_sessions(user_id: UUID, act: Act, _officer: Operator, db: Db, request: Request) -> Done:
    """Ends every session of theirs at once (OWASP ASVS 5.0, 7.4.5)."""
    audit.note(request, "user", user_id, new={"sessions": "ended", "reason": act.reason})
    ended = await people.end_user_sessions(db, user_id)
    if ended:
        await _tell(request, db, user_id, "signed_out_by_bank", signed_out_by_bank())
    return Done(id=user_id, changed=ended > 0, sessions_ended=ended)


async def _tell(request: Request, db: AsyncSession, user_id: UUID, event: str, letter: Letter) -> None:
    await notify(request, db, await user(db, user_id), event, letter)
