"""What a review is about at this moment, gathered from where it stands: for the checks, and to hold decisions to it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from models.kyc.content import Content, content_hash
from models.kyc.documents import SCAN_PASSED, DocumentType, ScanStatus
from models.kyc.requirements import Ask, Missing, Paper, missing
from models.kyc.states import Occasion
from models.tables.kyc import documents
from models.tables.kyc.cases import of_case
from models.tables.kyc.documents import Document
from models.tables.kyc.rows import KycAssessment, KycCase, KycHit, KycQuestion
from models.tables.users import User, user


def profile_of(person: User) -> dict[str, Any]:
    """Who a customer is, as a review knows them."""
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "date_of_birth": person.date_of_birth.isoformat() if person.date_of_birth else None,
        "address": person.address,
        "country": (person.address or {}).get("country"),
    }


def papers_of(found: Sequence[Document]) -> list[Paper]:
    """Documents as the requirements see them."""
    return [
        Paper(
            id=document.id,
            document_type=DocumentType(document.document_type),
            uploaded_on=(document.created_at or datetime.now(UTC)).date(),
            expires_on=document.expires_at,
            passed_scan=document.scan_status in SCAN_PASSED or document.scan_status == ScanStatus.PENDING,
        )
        for document in found
    ]


def what_is_missing(
    person: User, case: KycCase | None, tier: str, found: Sequence[Document], on: date
) -> list[Missing]:
    """What a customer has yet to hand in: for a review that is open, or for an application that is not yet one."""
    occasion = Occasion(case.occasion) if case else Occasion.INITIAL
    valid_on = on
    if case and case.due_at and occasion is Occasion.DOCUMENT_EXPIRY:
        # A document that expires with the old one does not end the matter.
        valid_on = max(on, case.due_at.date() + timedelta(days=1))
    since = case.created_at.date() if case and case.created_at else on
    ask = Ask(
        tier=tier,
        residence=(person.address or {}).get("country"),
        occasion=occasion,
        valid_on=valid_on,
        since=since,
    )
    return list(missing(ask, papers_of(found)))


async def gathered(session: AsyncSession, case: KycCase, rating: dict[str, Any] | None = None) -> Content:
    """All that a decision about the review would be about. `rating` is that of the last checks unless one is given."""
    if rating is None:
        assessments: Sequence[KycAssessment] = await of_case(session, KycAssessment, case.id)
        last = assessments[-1] if assessments else None
        rating = {"version": last.model_version, "level": last.level, "points": last.points} if last else {}
    hits: Sequence[KycHit] = await of_case(session, KycHit, case.id)
    questions: Sequence[KycQuestion] = await of_case(session, KycQuestion, case.id)
    return Content(
        round=case.round,
        tier=case.tier,
        declaration=case.declaration,
        profile=profile_of(await user(session, case.user_id)),
        documents=tuple(
            {
                "id": str(document.id),
                "type": document.document_type,
                "hash": document.file_hash,
                "country": document.country,
                "expires_at": document.expires_at.isoformat() if document.expires_at else None,
            }
            for document in await documents.of_customer(session, case.user_id)
        ),
        hits=tuple(
            {"list": hit.list, "entry": hit.entry_id, "field": hit.field, "verdict": hit.verdict}
            for hit in sorted(hits, key=lambda hit: (hit.list, hit.entry_id, hit.field, hit.list_version))
        ),
        rating=rating,
        answers=tuple(
            {"id": str(one.id), "question": one.question, "answer": one.answer}
            for one in questions
            if one.answered_at is not None
        ),
    )


async def hashed(session: AsyncSession, case: KycCase, rating: dict[str, Any] | None = None) -> bytes:
    """The hash of what the review is about now."""
    return content_hash(await gathered(session, case, rating))
