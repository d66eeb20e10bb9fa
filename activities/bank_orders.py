"""Whom an answer of the bank is about: a wire, a payment, or a recall of a wire, by the references that it names."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.bank import BankAnswer
from models.bank_rulings import OF_RECALLS
from models.payments import ENDED as ENDED_PAYMENTS
from models.payments import PaymentStart
from models.tables import payments, wires
from models.tables.wires import WireRecall
from models.wires import ENDED as ENDED_WIRES
from models.wires import WireStart


@dataclass(frozen=True)
class Order:
    """What an answer is about: a wire or a payment, its row locked."""

    kind: str  # wire, payment: the name of its process, of its column, and what its process's id begins with
    id: UUID
    ended: bool
    start: WireStart | PaymentStart
    # The answer is about our request to give the order back, and not about the order itself.
    recall: WireRecall | None = None
    # The answer is about our question what became of the order: a bank that cannot take it says nothing of the order.
    of_inquiry: bool = False


async def order_of(session: AsyncSession, answer: BankAnswer) -> Order | None:
    """The order that an answer is about, by UETR, end-to-end id, or the id of our message; its row locked."""
    if (recalled := await _recalled(session, answer)) is not None:
        return recalled
    if answer.kind in OF_RECALLS:
        return None
    rows = await session.execute(
        text(
            "SELECT o.kind, o.id, EXISTS (SELECT FROM bank_messages q WHERE q.direction = 'outbound' AND q.inquiry"
            "   AND q.message_id = :message_id) AS of_inquiry FROM ("
            "SELECT 'wire' AS kind, w.id FROM wire_transfers w"
            "   WHERE w.uetr = cast(:uetr AS uuid) OR w.end_to_end_id = :end_to_end_id"
            " UNION SELECT 'payment', p.id FROM payments p"
            "   WHERE p.uetr = cast(:uetr AS uuid) OR p.end_to_end_id = :end_to_end_id"
            " UNION SELECT CASE WHEN m.wire_id IS NULL THEN 'payment' ELSE 'wire' END,"
            "   coalesce(m.wire_id, m.payment_id) FROM bank_messages m"
            "   WHERE m.direction = 'outbound' AND m.message_id = :message_id"
            "   AND cast(:uetr AS uuid) IS NULL AND cast(:end_to_end_id AS text) IS NULL) o"
        ),
        {
            "uetr": answer.uetr,
            "end_to_end_id": answer.end_to_end_id,
            "message_id": answer.original_message_id,
        },
    )
    found = rows.all()
    if len(found) != 1:
        # Two orders for one answer: the references contradict each other, and a person has to look.
        return None
    kind, order_id, of_inquiry = found[0]
    if kind == "payment":
        payment = await payments.locked(session, order_id)
        return Order(kind, payment.id, payment.status in ENDED_PAYMENTS, payment.start)
    wire = await wires.locked(session, order_id)
    return Order(kind, wire.id, wire.status in ENDED_WIRES, wire.start, of_inquiry=of_inquiry)


async def assigned_order(session: AsyncSession, answer: BankAnswer, kind: str, order_id: UUID) -> Order | None:
    """The order that people say an answer is about, its row locked. None: it answers a recall, and there is none."""
    if kind == "payment":
        payment = await payments.locked(session, order_id)
        return Order(kind, payment.id, payment.status in ENDED_PAYMENTS, payment.start)
    wire = await wires.locked(session, order_id)
    recall = None
    if answer.kind in OF_RECALLS:
        asked = await wires.open_recall(session, order_id)
        if asked is None:
            return None
        recall = await wires.locked_recall(session, asked.id)
    return Order("wire", wire.id, wire.status in ENDED_WIRES, wire.start, recall)


async def _recalled(session: AsyncSession, answer: BankAnswer) -> Order | None:
    """The recalled wire that an answer is about, by the case that we named, by the id of our request, or, where it
    answers a recall, by the wire's references.

    The request is looked at first: a bank that refuses our request names the payment in it too, and has not refused
    the payment.
    """
    rows = await session.execute(
        text(
            "SELECT r.id, r.wire_id FROM bank_messages m JOIN wire_recalls r ON r.id = m.recall_id"
            " WHERE m.direction = 'outbound' AND m.message_id = :message_id"
            " UNION SELECT r.id, r.wire_id FROM wire_recalls r WHERE r.case_id = :case_id"
            " UNION (SELECT r.id, r.wire_id FROM wire_recalls r JOIN wire_transfers w ON w.id = r.wire_id"
            "   WHERE :of_recall AND cast(:case_id AS text) IS NULL"
            "   AND (w.uetr = cast(:uetr AS uuid) OR w.end_to_end_id = :end_to_end_id)"
            "   ORDER BY r.id DESC LIMIT 1)"
        ),
        {
            "message_id": answer.original_message_id,
            "case_id": answer.case_id,
            "of_recall": answer.kind in OF_RECALLS,
            "uetr": answer.uetr,
            "end_to_end_id": answer.end_to_end_id,
        },
    )
    found = rows.all()
    if len(found) != 1:
        return None
    wire = await wires.locked(session, found[0].wire_id)
    recall = await wires.locked_recall(session, found[0].id)
    return Order("wire", wire.id, wire.status in ENDED_WIRES, wire.start, recall)
