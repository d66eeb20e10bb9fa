"""The automatic checks of what a customer has handed in, and where they lead: to officers, back to the customer, or
straight through."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.heartbeats import heartbeats
from activities.kyc.desk import KycDesk, Screened, screened, tell_customer
from activities.kyc.mrz import Zones, told, zone_fact
from infra.database import transaction
from models.errors import Unavailable
from models.kyc import letters
from models.kyc.documents import (
    IDENTITY_TYPES,
    SCAN_PASSED,
    DocumentStatus,
    Likeness,
    ScanStatus,
)
from models.kyc.ladder import Rung
from models.kyc.process import KycState, KycStep
from models.kyc.requirements import Missing
from models.kyc.risk import EYES, Rating, RiskLevel, next_review, rate, risk_model, volume_class
from models.kyc.states import ASKING, KycStatus, Occasion
from models.screening import Hit, Verdict
from models.screening.parties import Customer
from models.sla import SlaStage, sla_clock
from models.tables import sanctions
from models.tables.kyc import cases, documents
from models.tables.kyc.content import hashed, profile_of, what_is_missing
from models.tables.kyc.desk import ask
from models.tables.kyc.documents import Document
from models.tables.kyc.rows import KycAssessment, KycCase, KycDecision, KycQuestion
from models.tables.users import User, user

# What the process asks by itself, so often; then a person looks.
_ASKED_BY_PROCESS: Final = 2
_SCAN_SECONDS: Final = 2
_HIT: Final = text(
    "INSERT INTO kyc_hits (case_id, customer_id, list, entry_id, entry_hash, list_version, kind, field, matched, score,"
    " verdict, parts) VALUES (:case_id, :customer_id, :list, :entry_id, :entry_hash, :list_version, :kind, :field,"
    " :matched, :score, :verdict, CAST(:parts AS jsonb)) ON CONFLICT DO NOTHING"
)


class CheckSteps:
    """The one step of the checks."""

    def __init__(self, desk: KycDesk) -> None:
        self._desk = desk

    @activity.defn(name="kyc.check")
    async def check(self, step: KycStep) -> KycState:
        """Checks what is there: completeness, shared documents, screening, the rating; then decides who looks.

        Raises `Unavailable` while a document waits for the scanner, or no list is loaded: checks fail closed.
        """
        async with heartbeats():
            zones = await self._zones(step)
        async with transaction(self._desk.engine) as session:
            # Who passes here, passes by the lists that the next sweep over all customers compares with.
            await sanctions.hold_versions(session)
            case = await cases.locked(session, step.case_id)
            if cases.to_check(case):
                await self._assess(session, case, step.at, zones)
            return await cases.state(session, case)

    async def _zones(self, step: KycStep) -> Zones:
        """Reads the zones of what is there now, outside of any transaction: the store may take its time."""
        async with transaction(self._desk.engine) as session:
            case = await cases.find(session, step.case_id)
            found = await documents.of_customer(session, case.user_id) if cases.to_check(case) else []
        if any(one.scan_status == ScanStatus.PENDING for one in found):
            raise Unavailable("a document waits for the scanner", retry_after=_SCAN_SECONDS)
        return await self._desk.zones.read_all([one for one in found if one.scan_status in SCAN_PASSED])

    async def _assess(self, session: AsyncSession, case: KycCase, at: datetime, zones: Zones) -> None:
        person = await user(session, case.user_id)
        found = await documents.of_customer(session, person.id)
        if any(
            one.scan_status == ScanStatus.PENDING or (one.id not in zones and one.scan_status in SCAN_PASSED)
            for one in found
        ):
            raise Unavailable("a document has come since the others were read", retry_after=_SCAN_SECONDS)
        lack = what_is_missing(person, case, case.tier, found, at.date())
        name = f"{person.first_name} {person.last_name}"
        said = await screened(self._desk, session, Customer(person.id, name, person.date_of_birth, person.address))
        await _keep_hits(session, case, said)
        likeness = await _shared(session, found)
        zone, differing = zone_fact(person, found, zones)
        rating = rate({**_facts(case, person, found, said, likeness), "machine_readable_zone": zone})
        case.profile, case.list_version = profile_of(person), said.version
        case.risk_level, case.risk_points = rating.level, rating.points
        findings = {
            "missing": [one.model_dump(mode="json") for one in lack],
            "shared_documents": dict(likeness),
            "zones": told(found, zones),
            "zone_says_otherwise": differing,
            "hits": len(said.hits),
        }
        await self._keep(session, case, rating, findings)
        if case.round == 1 and case.occasion == Occasion.INITIAL:
            await tell_customer(session, case, "submitted", letters.submitted())
        if lack and await _may_ask(session, case):
            await self._ask(session, case, lack, at)
        elif self._desk.straight_through and await _passes(session, case, rating, lack, said.hits):
            await self._pass(session, case, found, at)
        else:
            await self._queue(session, case, rating, at)

    async def _keep(self, session: AsyncSession, case: KycCase, rating: Rating, findings: dict[str, Any]) -> None:
        """Writes down what was found and binds later decisions to it."""
        earlier: Sequence[KycAssessment] = await cases.of_case(session, KycAssessment, case.id)
        attempt = 1 + sum(one.round == case.round for one in earlier)
        short = {"version": rating.version, "level": str(rating.level), "points": rating.points}
        case.content_hash = await hashed(session, case, short)
        session.add(
            KycAssessment(
                case_id=case.id,
                customer_id=case.user_id,
                round=case.round,
                attempt=attempt,
                model_version=rating.version,
                level=rating.level,
                points=rating.points,
                factors=[one.model_dump(mode="json") for one in rating.factors],
                findings=findings,
                list_version=case.list_version or "",
                content_hash=case.content_hash,
            )
        )
        await session.flush()
        data = {"hits": findings["hits"], "missing": len(findings["missing"]), "risk": str(rating.level)}
        await cases.tell(session, case, "checked", step=f"checked/{case.round}/{attempt}", data=data)

    async def _ask(self, session: AsyncSession, case: KycCase, lack: list[Missing], at: datetime) -> None:
        wanted = "; ".join(
            f"{one.name.replace('_', ' ')} ({' or '.join(kind.replace('_', ' ') for kind in one.any_of)}):"
            f" {one.reason.replace('_', ' ')}"
            for one in lack
        )
        kinds = tuple(dict.fromkeys(kind for one in lack for kind in one.any_of))
        question = f"Please upload what is missing, then answer. {wanted}."
        await ask(session, case, None, question, at=at, answer_within=self._desk.answer, wanted=kinds)
        await cases.tell(session, case, "info_requested", step=f"asked/{case.round}")
        due = at + self._desk.answer
        await tell_customer(session, case, f"asked/{case.round}", letters.asked(due))

    async def _pass(self, session: AsyncSession, case: KycCase, found: Sequence[Document], at: datetime) -> None:
        case.approvals_required, case.senior_required = 0, False
        await self._start_clock(session, case, RiskLevel.LOW, at)
        for document in found:
            if document.verification_status == DocumentStatus.PENDING:
                await documents.verify(session, document.id, None)
        case.status, case.sla_stage, case.decided_at = KycStatus.APPROVED, SlaStage.MET, at
        case.next_review_at = next_review(RiskLevel.LOW, at)
        await session.flush()
        await cases.tell(session, case, "approved_by_rules", step="approved_by_rules")

    async def _queue(self, session: AsyncSession, case: KycCase, rating: Rating, at: datetime) -> None:
        eyes = EYES[rating.level]
        case.approvals_required, case.senior_required = eyes.approvals, eyes.senior
        await self._close_question(session, case, at)
        await self._start_clock(session, case, rating.level, at)
        case.status, case.answer_stage = KycStatus.IN_REVIEW, SlaStage.NONE
        await session.flush()
        await cases.tell(
            session,
            case,
            "exit_review" if case.rung == Rung.EXIT else "in_review",
            data={"approvals": eyes.approvals, "senior": eyes.senior, "deadline": case.sla_deadline},
        )

    async def _start_clock(self, session: AsyncSession, case: KycCase, level: RiskLevel, at: datetime) -> None:
        clock = sla_clock(await self._desk.desk_hours(session), at, self._desk.span(level))
        case.sla_started_at, case.sla_remind_at = clock.started_at, clock.remind_at
        case.sla_escalate_at, case.sla_deadline = clock.escalate_at, clock.deadline
        case.sla_stage = SlaStage.RUNNING

    async def _close_question(self, session: AsyncSession, case: KycCase, at: datetime) -> None:
        question = await cases.open_question(session, case.id)
        if question is not None:
            question.answer, question.answered_at = "", at
            await cases.tell(session, case, "unanswered", step=f"unanswered/{question.id}")


async def _passes(
    session: AsyncSession, case: KycCase, rating: Rating, lack: list[Missing], hits: Sequence[Hit]
) -> bool:
    """Whether nobody has to look: an ordinary occasion of the lowest tier, handed in, of low risk, with nothing found,
    and not taken up by an officer before: what one has claimed, asked or decided about is for officers to end."""
    ordinary = case.occasion in {Occasion.INITIAL, Occasion.PERIODIC, Occasion.DOCUMENT_EXPIRY}
    # Whoever never came to a review, or left a question open, has handed nothing in.
    if not ordinary or case.status != KycStatus.SUBMITTED or case.tier != "standard":
        return False
    if rating.level is not RiskLevel.LOW or lack or hits or case.assignee_id is not None:
        return False
    questions: Sequence[KycQuestion] = await cases.of_case(session, KycQuestion, case.id)
    decisions: Sequence[KycDecision] = await cases.of_case(session, KycDecision, case.id)
    return not decisions and all(one.officer_id is None for one in questions)


async def _may_ask(session: AsyncSession, case: KycCase) -> bool:
    if case.occasion not in ASKING or case.rung == Rung.EXIT or case.status != KycStatus.SUBMITTED:
        return False
    questions: Sequence[KycQuestion] = await cases.of_case(session, KycQuestion, case.id)
    return sum(one.officer_id is None for one in questions) < _ASKED_BY_PROCESS


async def _keep_hits(session: AsyncSession, case: KycCase, said: Screened) -> None:
    for kind, hits in (("sanctions", said.sanctions), ("pep", said.exposed)):
        for hit in hits:
            await session.execute(
                _HIT,
                {
                    "case_id": case.id,
                    "customer_id": case.user_id,
                    "list": hit.list,
                    "entry_id": hit.entry_id,
                    "entry_hash": hit.entry_hash,
                    "list_version": hit.list_version,
                    "kind": kind,
                    "field": hit.field,
                    "matched": hit.matched,
                    "score": hit.score,
                    "verdict": hit.verdict,
                    "parts": json.dumps(hit.parts),
                },
            )


async def _shared(session: AsyncSession, found: Sequence[Document]) -> Counter[str]:
    """How many documents of other customers are the same as these, by likeness."""
    likeness: Counter[str] = Counter()
    for document in found:
        likeness.update(str(one.likeness) for one in await documents.duplicates(session, document.id))
    return likeness


def _facts(
    case: KycCase, person: User, found: Sequence[Document], screening: Screened, likeness: Counter[str]
) -> dict[str, str]:
    model, said = risk_model(), case.declaration
    identity = [one for one in found if one.document_type in IDENTITY_TYPES and one.scan_status in SCAN_PASSED]
    issuers = [model.country_class(one.country) for one in identity] or ["unknown"]
    exact = any(hit.verdict is Verdict.EXACT for hit in screening.sanctions)
    declared = "declared" if said.get("politically_exposed") else "no"
    behaviour = {Occasion.UNUSUAL_VOLUME, Occasion.DORMANT_ACTIVE}
    same = likeness[Likeness.FILE] + likeness[Likeness.CONTENT]
    return {
        "residence": model.country_class((person.address or {}).get("country")),
        "document_country": max(issuers, key=model.factors["document_country"].__getitem__),
        "tier": case.tier,
        "channel": "remote",
        "occupation": said.get("occupation", "undeclared"),
        "source_of_funds": said.get("source_of_funds", "undeclared"),
        "monthly_volume": volume_class(said.get("expected_monthly_volume")),
        "politically_exposed": "listed" if screening.exposed else declared,
        "sanctions": "identical" if exact else "similar" if screening.sanctions else "none",
        "shared_documents": "same" if same else "alike" if likeness else "none",
        "behaviour": case.occasion if case.occasion in behaviour else "usual",
    }
