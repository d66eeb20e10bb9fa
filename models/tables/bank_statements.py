"""The bank's statements as they are kept, and our side of them: what we booked on the nostro accounts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.bank import BankAnswer, BankStatement, EntryDirection

# A posting has the time at which its transaction began; none is open for longer than this.
_OVERLAP: Final = timedelta(hours=1)

_KEEP: Final = text(
    "INSERT INTO bank_statements (id, message_id, account, statement_id, sequence, currency, day, opening_minor,"
    " closing_minor) VALUES (:id, :message_id, :account, :statement_id, :sequence, :currency, :day, :opening_minor,"
    " :closing_minor) ON CONFLICT DO NOTHING RETURNING id"
)
_SAME: Final = text(
    "SELECT count(*) FROM bank_statements WHERE message_id = :message_id AND account = :account"
    " AND statement_id = :statement_id"
)
_ENTRY: Final = text(
    "INSERT INTO bank_statement_entries (statement_id, position, amount_minor, currency, booked, booked_on, value_on,"
    " end_to_end_id, uetr, bank_reference) VALUES (:statement_id, :position, :amount_minor, :currency, :booked,"
    " :booked_on, :value_on, :end_to_end_id, CAST(:uetr AS uuid), :bank_reference)"
)
_SINCE: Final = text("SELECT max(booked_at) FROM nostro_items WHERE account = :account")
# What a nostro account opened with stands on no statement. The keys of entries name the wire or payment they are of.
_COLLECT: Final = text("""
    INSERT INTO nostro_items
        (transaction_id, leg, account, currency, amount_minor, value_on, booked_at, end_to_end_id, uetr)
    SELECT p.transaction_id, p.leg, :account, p.currency, -p.amount_minor, t.value_date, p.created_at,
           coalesce(w.end_to_end_id, y.end_to_end_id), coalesce(w.uetr, y.uetr)
    FROM postings p JOIN transactions t ON t.id = p.transaction_id
    LEFT JOIN wire_transfers w ON w.id = CASE WHEN t.idempotency_key ~ '^wire/[0-9a-f-]{36}/'
        THEN split_part(t.idempotency_key, '/', 2)::uuid END
    LEFT JOIN payments y ON y.id = CASE WHEN t.idempotency_key ~ '^payment/[0-9a-f-]{36}/'
        THEN split_part(t.idempotency_key, '/', 2)::uuid END
    WHERE p.account_id = :nostro AND p.account_version IS NULL AND t.transaction_type <> 'opening'
        AND (CAST(:since AS timestamptz) IS NULL OR p.created_at >= CAST(:since AS timestamptz))
    ON CONFLICT DO NOTHING
""")


def account_key(number: str) -> str:
    """An account number as it is compared: IBANs are written with spaces and in either case."""
    return number.replace(" ", "").upper()


async def keep(session: AsyncSession, message_id: UUID, statements: Sequence[BankStatement]) -> list[str]:
    """Keeps the statements of a message. Gives the names of those that were here already, from another message: a bank
    does not send one twice, so a person looks at which of them is right."""
    strange = []
    for statement in statements:
        values = statement.model_dump(exclude={"entries", "account"}) | {
            "id": uuid7(),
            "message_id": message_id,
            "account": account_key(statement.account),
        }
        kept = (await session.execute(_KEEP, values)).scalar_one_or_none()
        if kept is None:
            if not (await session.execute(_SAME, values)).scalar_one():
                strange.append(f"statement {statement.statement_id} of {statement.account} is here already")
        elif statement.entries:
            entries = [_values(kept, position, one) for position, one in enumerate(statement.entries)]
            await session.execute(_ENTRY, entries)
    return strange


def _values(statement_id: UUID, position: int, entry: BankAnswer) -> dict[str, Any]:
    sign = 1 if entry.direction is EntryDirection.CREDIT else -1
    return {
        "statement_id": statement_id,
        "position": position,
        "amount_minor": sign * (entry.amount_minor or 0),
        "currency": entry.currency,
        "booked": entry.status == "BOOK",
        "booked_on": entry.booked_on,
        "value_on": entry.value_on or entry.booked_on,
        "end_to_end_id": entry.end_to_end_id,
        "uetr": entry.uetr,
        "bank_reference": entry.bank_reference,
    }


async def collect(session: AsyncSession, account: str, nostro: UUID) -> None:
    """Takes up what was booked on the `nostro` account of the ledger since the last time. For the worker's role."""
    newest = (await session.execute(_SINCE, {"account": account})).scalar_one()
    since = None if newest is None else newest - _OVERLAP
    await session.execute(_COLLECT, {"account": account, "nostro": nostro, "since": since})
