"""What a message of the bank says, recorded: each answer matched to its order, and the order's process woken."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.bank_orders import Order, assigned_order, order_of
from activities.bank_quarantine import Assigned, Ruled, end_rulings, keep_answers
from models.bank import AnswerKind, BankAnswer, ParsedMessage
from models.bank_rulings import assigned_as
from models.money import written
from models.tables import bank_cancellations, bank_inquiries, bank_statements, payments, wires
from models.tables.outbox import enqueue

# The bank saw the message id before: we know, the order has been given once. It refuses the copy, not the order.
_DUPLICATE: Final = "DUPL"
# The line of an order's timeline by which it says so.
_ASSIGNED: Final = "bank_answer_assigned"
# Answers that have to belong to an order of ours. The others repeat or concern what reconciliation looks at.
_NEEDS_AN_ORDER: Final = frozenset(
    {
        AnswerKind.ACCEPTED,
        AnswerKind.REJECTED,
        AnswerKind.CANCELLED,
        AnswerKind.BOOKED,
        AnswerKind.RETURNED,
        AnswerKind.RECEIVED,
        AnswerKind.TAKEN_BACK,
        AnswerKind.RECALL_ACCEPTED,
        AnswerKind.RECALL_REFUSED,
        AnswerKind.RECALL_PENDING,
        AnswerKind.CORRECTED,
    }
)
_ANSWER: Final = text(
    "INSERT INTO bank_answers (message_id, position, wire_id, payment_id, recall_id, kind, reason_code,"
    " reason_text, amount_minor, original_amount_minor, currency, booked_on, bank_reference) VALUES"
    " (:message_id, :position, :wire_id, :payment_id, :recall_id, :kind, :reason_code, :reason_text,"
    " :amount_minor, :original_amount_minor, :currency, :booked_on, :bank_reference)"
    # Read again, what was recorded of a file the first time stays.
    " ON CONFLICT (message_id, position) DO NOTHING"
)


class _Found(NamedTuple):
    """Whose an answer is. `assigned`: by whom it was said, where people said it."""

    order: Order | None
    assigned: Assigned | None = None
    contradicted: bool = False


def about_orders(parsed: ParsedMessage) -> list[tuple[int, BankAnswer]]:
    """What a message says of orders, by its place in the message."""
    return [(place, answer) for place, answer in enumerate(parsed.answers) if answer.kind in _NEEDS_AN_ORDER]


async def record(session: AsyncSession, message_id: UUID, parsed: ParsedMessage, ruled: Ruled) -> str | None:
    """Keeps what a message says, and wakes the processes it is about. Why a person has to look at it, if one has to:
    then what it says is kept for people as well."""
    strange = await bank_statements.keep(session, message_id, parsed.statements)
    strange += await bank_cancellations.open_cases(session, message_id, parsed.cancellations)
    strange += await bank_inquiries.keep(session, message_id, parsed.inquiries)
    answers = about_orders(parsed)
    unmatched: dict[int, str] = {}
    applied: set[int] = set()
    contradicted: set[int] = set()
    woken: dict[UUID, tuple[Order, str]] = {}
    for position, answer in answers:
        found = await _whose(session, answer, ruled.orders.get(position))
        if found.contradicted:
            contradicted.add(position)
        if found.order is None:
            unmatched[position] = _named(position, answer)
            continue
        if found.assigned is not None:
            applied.add(position)
            booked = answer.model_copy(update={"kind": assigned_as(answer.kind)})
            await _tell(session, found.order, message_id, position, found.assigned, booked)
        else:
            booked = answer
        await _answer(session, message_id, position, found.order, booked)
        # What is assigned later is another thing to hear for an order whose process has heard this file.
        name = f"{message_id}/{position}" if found.assigned else f"{message_id}"
        woken[found.order.recall.id if found.order.recall else found.order.id] = (found.order, name)
    for order, name in woken.values():
        await _wake(session, order, name)
    if unmatched:
        strange.append("no order of ours: " + ", ".join(unmatched.values()))
        await keep_answers(session, message_id, answers, frozenset(place for place, _ in answers) - set(unmatched))
    await end_rulings(
        session,
        message_id,
        applied=frozenset(applied),
        contradicted=frozenset(contradicted),
        read=not strange,
    )
    return "; ".join(strange)[:450] or None


async def _whose(session: AsyncSession, answer: BankAnswer, assigned: Assigned | None) -> _Found:
    own = await order_of(session, answer)
    if assigned is None:
        return _Found(own)
    if own is not None and own.id != assigned.order_id:
        # It names another order by now: what people said and what the bank says are for people to weigh again.
        return _Found(None, contradicted=True)
    return _Found(own or await assigned_order(session, answer, assigned.kind, assigned.order_id), assigned)


def _named(position: int, answer: BankAnswer) -> str:
    return answer.end_to_end_id or answer.uetr or answer.original_message_id or f"#{position}"


async def _tell(
    session: AsyncSession, order: Order, message_id: UUID, position: int, assigned: Assigned, answer: BankAnswer
) -> None:
    line: dict[str, Any] = {
        "actor": "officer",
        "actor_id": assigned.confirmed_by,
        "step": f"assigned/{message_id}/{position}",
        "data": {"message_id": message_id, "kind": answer.kind, "proposed_by": assigned.proposed_by},
    }
    if order.kind == "wire":
        await wires.tell(session, await wires.find(session, order.id), _ASSIGNED, **line)
    else:
        await payments.tell(session, await payments.locked(session, order.id), _ASSIGNED, **line)


async def _wake(session: AsyncSession, order: Order, heard: str) -> None:
    # The row is locked: either the order's process will still look at its answers, or it has ended, and this message
    # gets a process of its own.
    if order.recall is not None:
        await wires.wake_recall(session, order.recall, await wires.find(session, order.id))
        return
    workflow = f"{order.kind}-late-answer" if order.ended else order.kind
    await enqueue(
        session,
        workflow=workflow,
        workflow_id=f"{workflow}/{order.id}/{heard}" if order.ended else f"{workflow}/{order.id}",
        argument=order.start.model_dump(mode="json"),
        summary=written(order.start.amount_minor, order.start.currency),
    )


async def _answer(session: AsyncSession, message_id: Any, position: int, order: Order, answer: BankAnswer) -> None:
    duplicate = answer.kind is AnswerKind.REJECTED and answer.reason_code == _DUPLICATE
    moves_nothing = duplicate or order.of_inquiry
    await session.execute(
        _ANSWER,
        {
            "message_id": message_id,
            "position": position,
            "wire_id": order.id if order.kind == "wire" else None,
            "payment_id": order.id if order.kind == "payment" else None,
            "recall_id": order.recall.id if order.recall else None,
            "kind": AnswerKind.PENDING if moves_nothing else answer.kind,
            "reason_code": answer.reason_code,
            "reason_text": answer.reason_text,
            "amount_minor": answer.amount_minor,
            "original_amount_minor": answer.original_amount_minor,
            "currency": answer.currency,
            "booked_on": answer.booked_on,
            "bank_reference": answer.bank_reference,
        },
    )
