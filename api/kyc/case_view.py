"""A review as officers see it, put together from its rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from api.kyc.shapes import (
    CaseAssessment,
    CaseDecision,
    CaseDocument,
    CaseEvent,
    CaseHit,
    CaseLine,
    CaseNote,
    CaseQuestion,
    CaseView,
    Eyes,
)
from models.kyc.process import process_id
from models.kyc.states import OPEN, KycStatus
from models.tables.kyc import cases, desk, documents
from models.tables.kyc.content import profile_of, what_is_missing
from models.tables.kyc.rows import (
    KycAssessment,
    KycCase,
    KycDecision,
    KycEvent,
    KycHit,
    KycNote,
    KycQuestion,
)
from models.tables.users import User, user

T = TypeVar("T", bound=BaseModel)


def case_line(case: KycCase, person: User, given: int) -> CaseLine:
    """A review in a list; `given` approvals count."""
    return CaseLine.model_validate(
        case.model_dump(include=set(CaseLine.model_fields))
        | {
            "customer_id": case.user_id,
            "customer_name": f"{person.first_name} {person.last_name}",
            "approvals": Eyes(required=case.approvals_required, given=given, senior_required=case.senior_required),
        }
    )


async def case_view(db: AsyncSession, case: KycCase, at: datetime) -> CaseView:
    """All of a review. Suspicions are there for those who may see them."""
    person = await user(db, case.user_id)
    line = case_line(case, person, len(await cases.approvals(db, case)))
    found = await documents.of_customer(db, case.user_id, history=True)
    current = await documents.of_customer(db, case.user_id)
    decisions: Sequence[KycDecision] = await cases.of_case(db, KycDecision, case.id)
    lack = what_is_missing(person, case, case.tier, current, at.date()) if case.status in OPEN else []
    return CaseView(
        **line.model_dump(),
        profile=profile_of(person) if case.status in OPEN else case.profile,
        declaration=case.declaration,
        stale=case.status == KycStatus.IN_REVIEW and await desk.is_stale(db, case),
        missing=lack,
        documents=[
            CaseDocument.model_validate(
                one.model_dump(include=set(CaseDocument.model_fields))
                | {"status": one.verification_status, "sha256": one.file_hash}
            )
            for one in found
        ],
        assessments=await _shown(db, KycAssessment, case.id, CaseAssessment),
        hits=await _shown(db, KycHit, case.id, CaseHit),
        decisions=[
            CaseDecision.model_validate(one.model_dump() | {"void": one.content_hash != case.content_hash})
            for one in decisions
        ],
        questions=await _shown(db, KycQuestion, case.id, CaseQuestion),
        notes=await _shown(db, KycNote, case.id, CaseNote),
        suspicions=[CaseNote.model_validate(one.model_dump()) for one in await desk.suspicions(db, case.id)],
        timeline=await _shown(db, KycEvent, case.id, CaseEvent),
        workflow_id=process_id(str(case.user_id), case.number),
    )


async def _shown(db: AsyncSession, table: type[Any], case_id: UUID, shape: type[T]) -> list[T]:
    return [shape.model_validate(one.model_dump()) for one in await cases.of_case(db, table, case_id)]
