"""What banks ask again: where the answer to their request is (pacs.028), kept with the case that it is about."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.bank_investigations import AskedAfter
from models.tables.notifications import tell_operations

# A request is named by its own id, a payment by its references; of two cases about one payment the newer one is meant.
_CASE: Final = text(
    "SELECT c.id, c.status, c.due_at, (SELECT m.message_id FROM bank_messages m JOIN bank_cancellation_answers a"
    "   ON a.id = m.cancellation_answer_id WHERE a.cancellation_id = c.id AND a.status = 'sent'"
    "   ORDER BY a.sent_at DESC LIMIT 1) AS said"
    " FROM bank_cancellations c WHERE CASE"
    "   WHEN num_nonnulls(CAST(:uetr AS uuid), CAST(:end_to_end_id AS text), CAST(:transaction_id AS text)) = 0"
    "     THEN c.assignment_id = :original_message_id"
    "   ELSE (c.uetr = CAST(:uetr AS uuid) OR c.end_to_end_id = :end_to_end_id OR c.transaction_id = :transaction_id)"
    "     AND (NOT :after_request OR CAST(:original_message_id AS text) IS NULL"
    "       OR c.assignment_id = :original_message_id) END"
    " ORDER BY c.id DESC LIMIT 1"
)
_KEEP: Final = text(
    "INSERT INTO bank_cancellation_inquiries (message_id, position, cancellation_id) VALUES (:message_id, :position,"
    " :case_id) ON CONFLICT (message_id, position) DO NOTHING"
)
_OF_CASE: Final = text(
    "SELECT message_id, received_at FROM bank_cancellation_inquiries WHERE cancellation_id = :case_id"
    " ORDER BY received_at, message_id, position"
)


async def keep(session: AsyncSession, message_id: UUID, asked: Sequence[AskedAfter]) -> list[str]:
    """Keeps each question with its case, and tells operations of it at once. For the worker's role.

    Gives what a person has to look at instead: questions about what no bank has asked back.
    """
    strange = []
    for position, one in enumerate(asked):
        named = one.model_dump() | {"after_request": one.after_request}
        case = (await session.execute(_CASE, named)).one_or_none()
        if case is None:
            strange.append(f"asks what became of something that nobody has asked back: {one.names}")
            continue
        await session.execute(_KEEP, {"message_id": message_id, "position": position, "case_id": case.id})
        await _tell(session, message_id, position, case)
    return strange


async def _tell(session: AsyncSession, message_id: UUID, position: int, case: Any) -> None:
    if case.status == "open":
        subject = "Another bank asks where its answer is"
        due = "" if case.due_at is None else f" It is due {case.due_at:%Y-%m-%d %H:%M} UTC."
        body = (
            f"It has asked for money back, and was not answered yet.{due}\nTwo people answer it in the console, under"
        )
        body += " Requests."
    else:
        subject = "Another bank asks for an answer that it was given"
        body = f"It was answered by the message {case.said or 'of its case'}. Nothing is sent again by itself: ask the"
        body += " bank by telephone whether it has it. The case stands in the console, under Requests."
    await tell_operations(
        session,
        key=f"bank-cancellation/{case.id}/asked-after/{message_id}/{position}",
        event="operations.cancellation",
        subject=subject,
        body=f"{subject}.\n\n{body}\n",
    )


async def of_case(session: AsyncSession, case_id: UUID) -> Sequence[Any]:
    """When the bank asked again about a case, and by which message; oldest first."""
    return (await session.execute(_OF_CASE, {"case_id": case_id})).all()
