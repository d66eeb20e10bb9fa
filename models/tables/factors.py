"""Second factors and the answers to challenges, as they are kept."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.challenges import Challenge


class Factor(BaseModel):
    """Somebody's authenticator app. `asked_at` is the moment at which it was read."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    seed_sealed: bytes
    enabled_at: datetime | None
    last_used_step: int
    wrong_codes: int
    wrong_code_at: datetime | None
    asked_at: datetime


async def has_factor(session: AsyncSession, user_id: UUID) -> bool:
    """Whether a second factor is asked of that person."""
    found = await session.execute(
        text("SELECT EXISTS (SELECT FROM totp_factors WHERE user_id = :user_id AND enabled_at IS NOT NULL)"),
        {"user_id": user_id},
    )
    return bool(found.scalar_one())


async def lock_factor(session: AsyncSession, user_id: UUID) -> Factor | None:
    """That person's factor, enabled or about to be, locked: of two codes at once the second waits for the first."""
    found = await session.execute(
        text(
            "SELECT user_id, seed_sealed, enabled_at, last_used_step, wrong_codes, wrong_code_at,"
            " clock_timestamp() AS asked_at FROM totp_factors WHERE user_id = :user_id FOR UPDATE"
        ),
        {"user_id": user_id},
    )
    row = found.mappings().one_or_none()
    return None if row is None else Factor.model_validate(dict(row))


async def prepare_factor(session: AsyncSession, user_id: UUID, seed_sealed: bytes) -> bool:
    """Keeps a seed until its first code enables it, instead of one that waited before. False if one is enabled."""
    kept = await session.execute(
        text(
            "INSERT INTO totp_factors (user_id, seed_sealed) VALUES (:user_id, :seed_sealed)"
            " ON CONFLICT (user_id) DO UPDATE SET seed_sealed = excluded.seed_sealed, created_at = now(),"
            " last_used_step = 0, wrong_codes = 0 WHERE totp_factors.enabled_at IS NULL RETURNING user_id"
        ),
        {"user_id": user_id, "seed_sealed": seed_sealed},
    )
    return kept.first() is not None


async def enable_factor(session: AsyncSession, user_id: UUID) -> None:
    """From now on the factor is asked for."""
    await session.execute(
        text("UPDATE totp_factors SET enabled_at = now() WHERE user_id = :user_id"), {"user_id": user_id}
    )


async def use_step(session: AsyncSession, user_id: UUID, step: int) -> bool:
    """Uses a code up. False if that code, or a later one, was used before."""
    used = await session.execute(
        text(
            "UPDATE totp_factors SET last_used_step = :step, wrong_codes = 0"
            " WHERE user_id = :user_id AND last_used_step < :step RETURNING user_id"
        ),
        {"user_id": user_id, "step": step},
    )
    return used.first() is not None


async def note_wrong_code(session: AsyncSession, user_id: UUID) -> None:
    """Counts a wrong code."""
    await session.execute(
        text(
            "UPDATE totp_factors SET wrong_codes = wrong_codes + 1, wrong_code_at = clock_timestamp()"
            " WHERE user_id = :user_id"
        ),
        {"user_id": user_id},
    )


async def remove_factor(session: AsyncSession, user_id: UUID) -> None:
    """Takes the factor and its recovery codes away."""
    for table in ("totp_factors", "recovery_codes"):
        await session.execute(
            text(f"DELETE FROM {table} WHERE user_id = :user_id"),  # noqa: S608 # one of the two names above
            {"user_id": user_id},
        )


async def replace_recovery_codes(session: AsyncSession, user_id: UUID, hashes: list[bytes]) -> None:
    """Makes these the recovery codes of that person; the earlier ones are worth nothing."""
    await session.execute(text("DELETE FROM recovery_codes WHERE user_id = :user_id"), {"user_id": user_id})
    await session.execute(
        text("INSERT INTO recovery_codes (user_id, code_hash) VALUES (:user_id, :code_hash)"),
        [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes],
    )


async def spend_recovery_code(session: AsyncSession, user_id: UUID, code_hash: bytes) -> int | None:
    """Uses a recovery code up and returns how many are left; None for one that is unknown or was used."""
    spent = await session.execute(
        text(
            "UPDATE recovery_codes SET used_at = now() WHERE user_id = :user_id AND code_hash = :code_hash"
            " AND used_at IS NULL RETURNING user_id"
        ),
        {"user_id": user_id, "code_hash": code_hash},
    )
    if spent.first() is None:
        return None
    left = await session.execute(
        text("SELECT count(*) FROM recovery_codes WHERE user_id = :user_id AND used_at IS NULL"), {"user_id": user_id}
    )
    return int(left.scalar_one())


async def begin_answer(session: AsyncSession, challenge: Challenge) -> int | None:
    """Counts an answer to `challenge` and locks it. Returns which answer it is, from 1; None if it was used up."""
    counted = await session.execute(
        text(
            "INSERT INTO challenge_uses (nonce, user_id, expires_at) VALUES (:nonce, :user_id, :expires_at)"
            " ON CONFLICT (nonce) DO UPDATE SET attempts = challenge_uses.attempts + 1"
            " WHERE challenge_uses.used_at IS NULL RETURNING attempts"
        ),
        challenge.model_dump(include={"nonce", "user_id", "expires_at"}),
    )
    return counted.scalar_one_or_none()


async def spend_challenge(session: AsyncSession, challenge: Challenge) -> None:
    """Uses `challenge` up."""
    await session.execute(
        text("UPDATE challenge_uses SET used_at = now() WHERE nonce = :nonce"), {"nonce": challenge.nonce}
    )
