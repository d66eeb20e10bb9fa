"""Answers of the bank as the inbox leaves them: read, matched to their wire, and not applied yet."""

import hashlib
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import transaction
from models.bank import AnswerKind


async def answered(
    engine: AsyncEngine, wire_id: UUID, kind: AnswerKind, *, amount_minor: int | None = None, reason: str | None = None
) -> None:
    """The bank says `kind` of a wire."""
    message_id = uuid7()
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO bank_messages (id, direction, message_type, file_name, sha256, content, status)"
                " VALUES (:id, 'inbound', 'test', :name, :sha256, '', 'read')"
            ),
            {"id": message_id, "name": str(message_id), "sha256": hashlib.sha256(message_id.bytes).digest()},
        )
        await session.execute(
            text(
                "INSERT INTO bank_answers (message_id, position, wire_id, kind, amount_minor, currency, reason_code)"
                " VALUES (:id, 0, :wire_id, :kind, :amount_minor, 'USD', :reason)"
            ),
            {"id": message_id, "wire_id": wire_id, "kind": kind, "amount_minor": amount_minor, "reason": reason},
        )


async def answered_payment(
    engine: AsyncEngine,
    payment_id: UUID,
    kind: str,
    *,
    amount_minor: int | None = None,
    currency: str = "EUR",
    reason: str | None = None,
    words: str | None = None,
) -> None:
    """The bank says `kind` of a payment."""
    message_id = uuid7()
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO bank_messages (id, direction, message_type, file_name, sha256, content, status)"
                " VALUES (:id, 'inbound', 'test', :name, :sha256, '', 'read')"
            ),
            {"id": message_id, "name": str(message_id), "sha256": hashlib.sha256(message_id.bytes).digest()},
        )
        await session.execute(
            text(
                "INSERT INTO bank_answers (message_id, position, payment_id, kind, amount_minor, currency, reason_code,"
                " reason_text) VALUES (:id, 0, :payment_id, :kind, :amount_minor, :currency, :reason, :words)"
            ),
            {
                "id": message_id,
                "payment_id": payment_id,
                "kind": kind,
                "amount_minor": amount_minor,
                "currency": currency,
                "reason": reason,
                "words": words,
            },
        )
