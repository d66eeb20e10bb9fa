"""What is left of a wire or a payment at its end, everywhere that it left something."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.journeys.scene import Scene

_STEPS_TOLD: Final = (
    *("ordered", "screened", "awaiting_approval", "approval_given"),
    *("released", "sent", "acknowledged", "completed"),
)
_LEGS: Final = (("customer", -125_00), ("fees", 25_00), ("nostro", 100_00))


@dataclass(frozen=True)
class Story:
    """One wire, by the traces it left. The defaults are those of a wire that was carried out, once."""

    status: str = "completed"
    timeline: tuple[str, ...] = _STEPS_TOLD
    # The ledger: entries by key, with their legs.
    entries: tuple[str, ...] = ("settlement",)
    legs: tuple[tuple[str, int], ...] = _LEGS
    holds: tuple[str, ...] = ("captured",)
    # Between us and the other bank: our messages, every file that ever lay in a folder, what the bank decided on and
    # booked, and what it answered.
    messages: tuple[str, ...] = ("sent",)
    files: tuple[str, ...] = ("outbox/processed",)
    payments: tuple[tuple[str, bool], ...] = (("accepted", True),)
    answers: tuple[str, ...] = ("accepted", "booked")
    # The customer.
    notices: tuple[tuple[str, bool], ...] = (("wire.completed", True),)
    mails: int = 1


def undone(status: str, *timeline: str) -> Story:
    """The story of a wire that ended before it was released: its money is back, the customer is told."""
    nothing: dict[str, Any] = dict.fromkeys(("entries", "legs", "messages", "files", "payments", "answers"), ())
    told = ((f"wire.{status}", True),)
    return Story(status=status, timeline=timeline, holds=("released",), notices=told, **nothing)


def paid() -> Story:
    """The story of a payment in euros that was carried out, once."""
    return Story(
        timeline=("ordered", "released", "sent", "acknowledged", "completed"),
        legs=(("customer", -100_20), ("fees", 20), ("nostro", 100_00)),
        notices=(("payment.completed", True),),
    )


def story_of(scene: Scene, order_id: str) -> Story:
    """What the wire or the payment left."""
    (order,) = scene.rows(
        "SELECT status, end_to_end_id FROM wire_transfers WHERE id = %(id)s"
        " UNION ALL SELECT status, end_to_end_id FROM payments WHERE id = %(id)s",
        id=order_id,
    )
    messages = scene.rows(
        "SELECT status, file_name FROM bank_messages WHERE %(id)s IN (wire_id, payment_id) AND direction = 'outbound'",
        id=order_id,
    )
    entries = scene.rows(
        "SELECT split_part(idempotency_key, '/', 3) FROM transactions"
        " WHERE split_part(idempotency_key, '/', 2) = CAST(%(id)s AS text)",
        id=order_id,
    )
    legs = scene.rows(
        "SELECT coalesce(a.purpose, 'customer') AS whose, p.amount_minor FROM transactions t"
        " JOIN postings p ON p.transaction_id = t.id JOIN accounts a ON a.id = p.account_id"
        " WHERE split_part(t.idempotency_key, '/', 2) = CAST(%(id)s AS text) ORDER BY whose",
        id=order_id,
    )
    notices = scene.rows(
        "SELECT n.event, n.sent_at IS NOT NULL FROM notifications n JOIN (SELECT id, user_id FROM wire_transfers"
        "   UNION ALL SELECT id, user_id FROM payments) o ON o.user_id = n.user_id"
        " WHERE o.id = %(id)s AND n.key LIKE '%%/' || o.id || '/%%'",
        id=order_id,
    )
    events = scene.rows(
        "SELECT event FROM (SELECT id, event FROM wire_events WHERE wire_id = %(id)s"
        "   UNION ALL SELECT id, event FROM payment_events WHERE payment_id = %(id)s) told ORDER BY id",
        id=order_id,
    )
    holds = scene.rows("SELECT status FROM holds WHERE owner_id = %(id)s", id=order_id)
    answers = scene.rows("SELECT kind FROM bank_answers WHERE %(id)s IN (wire_id, payment_id) ORDER BY id", id=order_id)
    stems = {message["file_name"].removesuffix(".xml") for message in messages}
    files = [file for stem in stems for file in scene.bank_folder.rglob(f"*{stem}*.xml")]
    return Story(
        status=order["status"],
        timeline=_first(events),
        entries=_first(entries),
        legs=tuple((leg["whose"], leg["amount_minor"]) for leg in legs),
        holds=_first(holds),
        messages=_first(messages),
        files=tuple(str(file.parent.relative_to(scene.bank_folder)) for file in files),
        payments=tuple(
            (payment["status"], payment["booked_at"] is not None)
            for payment in scene.bank("/_mock/payments")
            if payment["end_to_end_id"] == order["end_to_end_id"]
        ),
        answers=_first(answers),
        notices=tuple((event, sent) for event, sent in (row.values() for row in notices)),
        mails=sum(order["end_to_end_id"] in mail.read_text() for mail in scene.mails),
    )


def _first(rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The first column."""
    return tuple(next(iter(row.values())) for row in rows)


@dataclass(frozen=True)
class Books:
    """The bank as a whole, when nothing is under way. The defaults are those of a bank whose books are in order."""

    breaches: tuple[str, ...] = ()
    unbalanced: tuple[str, ...] = ()
    # What the customer paid, and still cannot use, beside what the wires are to cost.
    missing_minor: int = 0
    held_minor: int = 0
    undispatched: int = 0
    # Files that lie where something has yet to happen to them, or should never be.
    left: tuple[str, ...] = ()
    # What the other bank booked, and what the customer was mailed, beside what there is of wires.
    extra_payments: int = 0
    extra_mails: int = 0


def books_of(scene: Scene) -> Books:
    """The bank as a whole."""
    statuses = list(scene.statuses(scene.ordered).values())
    completed = statuses.count("completed")
    (account,) = scene.rows("SELECT posted_minor, held_minor FROM accounts WHERE id = %(id)s", id=scene.account_id)
    totals = scene.rows("SELECT currency FROM ledger_balances GROUP BY currency HAVING sum(posted_minor) <> 0")
    (waiting,) = scene.rows("SELECT count(*) AS rows FROM outbox WHERE dispatched_at IS NULL")
    notices = scene.rows("SELECT CAST(id AS text) FROM notifications WHERE key LIKE 'wire/%%'")
    working = ("outbox", "outbox.staging", "outbox/failed", "inbox", "inbox.quarantine")
    left = [file for name in working for file in (scene.bank_folder / name).glob("*") if file.is_file()]
    return Books(
        breaches=_first(scene.rows("SELECT rule FROM ledger_proof()")),
        unbalanced=_first(totals),
        missing_minor=scene.opening_minor - account["posted_minor"] - 125_00 * completed,
        held_minor=account["held_minor"],
        undispatched=waiting["rows"],
        left=tuple(str(file.relative_to(scene.bank_folder)) for file in left),
        extra_payments=len(scene.bank("/_mock/payments")) - completed - len(scene.paid),
        extra_mails=len({mail.stem for mail in scene.mails} & set(_first(notices))) - len(statuses),
    )
