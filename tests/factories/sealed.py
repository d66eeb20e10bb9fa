"""Sealed personal data in the database, and keys for it."""

import base64
import os
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.crypto import FieldContext, Keyring
from infra.database import transaction


def fresh_key() -> SecretStr:
    """A key as it stands in the settings."""
    return SecretStr(base64.b64encode(os.urandom(32)).decode())


async def store_tax_id(owner: AsyncEngine, keyring: Keyring, user_id: UUID, tax_id: str) -> bytes:
    """Gives somebody a tax id. The sealed bytes."""
    sealed = keyring.seal(tax_id.encode(), FieldContext("users", "tax_id_sealed", user_id))
    async with transaction(owner) as session:
        await session.execute(
            text("UPDATE users SET tax_id_sealed = :sealed WHERE id = :id"), {"id": user_id, "sealed": sealed}
        )
    return sealed


async def store_seed(owner: AsyncEngine, keyring: Keyring, user_id: UUID, seed: bytes) -> bytes:
    """Gives somebody a second factor. The sealed bytes."""
    sealed = keyring.seal(seed, FieldContext("totp_factors", "seed_sealed", user_id))
    async with transaction(owner) as session:
        await session.execute(
            text(
                "INSERT INTO totp_factors (user_id, seed_sealed) VALUES (:id, :sealed)"
                " ON CONFLICT (user_id) DO UPDATE SET seed_sealed = excluded.seed_sealed"
            ),
            {"id": user_id, "sealed": sealed},
        )
    return sealed


async def sealed_values(owner: AsyncEngine, table: str, column: str, row_id: str) -> dict[UUID, bytes]:
    """What stands in a sealed column, by row."""
    async with transaction(owner) as session:
        rows = await session.execute(text(f"SELECT {row_id}, {column} FROM {table} WHERE {column} IS NOT NULL"))
        return {row[0]: bytes(row[1]) for row in rows}
