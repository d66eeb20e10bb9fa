"""Customers on their way through an identity check, and those who look at it, by the API's own roles and acts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import Principal, transaction
from models.auth import CUSTOMER_PERMISSIONS
from models.kyc.declaration import Declaration, FundsSource, Occupation
from models.kyc.documents import DocumentType
from models.kyc.states import Rejection
from models.tables.kyc import acts, desk
from models.tables.kyc.desk import Officer
from models.tables.kyc.rows import KycCase
from tests.factories.wires import OFFICER_RIGHTS, SENIOR_RIGHTS, person, sanctions_list

ANSWER_WITHIN = timedelta(days=14)
SUSPICION_RIGHTS = OFFICER_RIGHTS | {"admin:suspicion"}
ORDINARY = Declaration(
    occupation=Occupation.EMPLOYED, source_of_funds=FundsSource.SALARY, expected_monthly_volume=2_500
)


@dataclass(frozen=True)
class Staff:
    """Officers, a senior one, and one who may see suspicions."""

    officers: tuple[UUID, UUID]
    senior: UUID
    reporting: UUID


async def staff(engine: AsyncEngine, *, lists: bool = True) -> Staff:
    """Everybody that a review needs, with a loaded sanctions list."""
    one, two = [await person(engine, f"Otto Officer{n}", role="admin", rights=OFFICER_RIGHTS) for n in (1, 2)]
    if lists:
        await sanctions_list(engine)
    return Staff(
        officers=(one, two),
        senior=await person(engine, "Sanna Senior", role="admin", rights=SENIOR_RIGHTS),
        reporting=await person(engine, "Rhea Reporting", role="admin", rights=SUSPICION_RIGHTS),
    )


def as_customer(user_id: UUID) -> Principal:
    """The rights of a customer."""
    return Principal(user_id=user_id, role="customer", permissions=CUSTOMER_PERMISSIONS)


def as_officer(user_id: UUID, rights: frozenset[str] = OFFICER_RIGHTS) -> Principal:
    """The rights of an officer."""
    return Principal(user_id=user_id, role="admin", permissions=rights)


async def applicant(engine: AsyncEngine, name: str = "Nora Newcomer", **columns: Any) -> UUID:
    """A customer with a whole profile who has not begun."""
    user_id = uuid7()
    values: dict[str, Any] = {
        "id": user_id,
        "email": f"n{user_id.hex[-8:]}@aurum.example",
        "first_name": name.split(maxsplit=1)[0],
        "last_name": name.rsplit(maxsplit=1)[-1],
        "date_of_birth": date(1990, 5, 17),
        "address": '{"street": "Kanaalweg", "building": "1", "town": "Utrecht", "country": "NL"}',
        **columns,
    }
    places = ", ".join("cast(:address AS jsonb)" if column == "address" else f":{column}" for column in values)
    async with transaction(engine) as session:
        await session.execute(text(f"INSERT INTO users ({', '.join(values)}) VALUES ({places})"), values)
    return user_id


async def document(
    engine: AsyncEngine,
    user_id: UUID,
    kind: str = "passport",
    *,
    expires: date | None = None,
    content: str | None = None,
    scan: str = "clean",
    uploaded: datetime | None = None,
) -> UUID:
    """A document of a customer, its scan done. The same `content` is the same file."""
    document_id = uuid7()
    digest = (content or document_id.hex).encode().hex().ljust(64, "0")[:64]
    expiry = (expires or datetime.now(UTC).date() + timedelta(days=3650)) if kind in IDENTITY else expires
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO kyc_documents (id, user_id, document_type, file_path, file_hash, upload_hash,"
                " content_type, size_bytes, pages, country, expires_at, key_sealed, scan_status, scanned_at,"
                " created_at)"
                " VALUES (:id, :user_id, :kind, :path, :digest, :digest, 'application/pdf', 1, 1, :country,"
                " :expires, sha256('k'), :scan, CASE WHEN :scan = 'pending' THEN NULL ELSE now() END,"
                " coalesce(:uploaded, now()))"
            ),
            {
                "id": document_id,
                "user_id": user_id,
                "kind": kind,
                "path": f"kyc/{document_id.hex}",
                "digest": digest,
                "country": "NL" if kind in IDENTITY else None,
                "expires": expiry,
                "scan": scan,
                "uploaded": uploaded,
            },
        )
    return document_id


IDENTITY = {"passport", "national_id", "driving_licence", "residence_permit"}


async def submitted(
    engine: AsyncEngine,
    user_id: UUID,
    *,
    tier: str = "standard",
    declaration: Declaration = ORDINARY,
    at: datetime | None = None,
) -> KycCase:
    """The customer hands in what is there."""
    async with transaction(engine, as_customer(user_id)) as session:
        return await acts.submit(session, user_id, tier, declaration, at=at or datetime.now(UTC))


async def answered(engine: AsyncEngine, case: KycCase, words: str = "Here", *, at: datetime | None = None) -> KycCase:
    """The customer answers."""
    async with transaction(engine, as_customer(case.user_id)) as session:
        return await acts.answer(session, case.id, case.user_id, words, at=at or datetime.now(UTC))


async def withdrawn(engine: AsyncEngine, case: KycCase) -> KycCase:
    """The customer takes the application back."""
    async with transaction(engine, as_customer(case.user_id)) as session:
        return await acts.withdraw(session, case.id, case.user_id, at=datetime.now(UTC))


async def approved(
    engine: AsyncEngine,
    case_id: UUID,
    officer: UUID,
    *,
    senior: bool = False,
    comment: str = "seen",
    at: datetime | None = None,
) -> desk.Approved:
    """An officer approves."""
    async with transaction(engine, as_officer(officer, SENIOR_RIGHTS if senior else OFFICER_RIGHTS)) as session:
        return await desk.approve(
            session, case_id, Officer(id=officer, senior=senior), at=at or datetime.now(UTC), comment=comment
        )


async def rejected(
    engine: AsyncEngine, case_id: UUID, officer: UUID, reason: Rejection = Rejection.IDENTITY_NOT_PROVEN
) -> KycCase:
    """An officer rejects."""
    async with transaction(engine, as_officer(officer)) as session:
        return await desk.reject(
            session, case_id, Officer(id=officer, senior=False), reason, at=datetime.now(UTC), comment="no"
        )


async def asked(engine: AsyncEngine, case_id: UUID, officer: UUID, *, at: datetime | None = None) -> KycCase:
    """An officer asks for an address."""
    async with transaction(engine, as_officer(officer)) as session:
        return await desk.request_info(
            session,
            case_id,
            Officer(id=officer, senior=False),
            "Where do you live?",
            at=at or datetime.now(UTC),
            answer_within=ANSWER_WITHIN,
            wanted=(DocumentType.PROOF_OF_ADDRESS,),
        )


async def claimed(engine: AsyncEngine, case_id: UUID, officer: UUID, *, senior: bool = False) -> KycCase:
    """An officer claims."""
    async with transaction(engine, as_officer(officer, SENIOR_RIGHTS if senior else OFFICER_RIGHTS)) as session:
        return await desk.claim(session, case_id, Officer(id=officer, senior=senior), at=datetime.now(UTC))


async def standing(engine: AsyncEngine, user_id: UUID) -> dict[str, Any]:
    """What the customer's row says."""
    async with transaction(engine) as session:
        row = await session.execute(
            text("SELECT kyc_status, kyc_restriction, tier, risk_level, kyc_review_due FROM users WHERE id = :id"),
            {"id": user_id},
        )
        return dict(row.mappings().one())
