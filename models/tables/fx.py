"""Rates of exchange as they are kept: the newest one of a pair that its provider still stands for."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.fx import Rate

_CURRENT = text(
    "SELECT base_currency AS base, target_currency AS target, rate, provider, effective_from, effective_to"
    " FROM fx_rates WHERE effective_from <= :at AND (effective_to IS NULL OR effective_to > :at)"
    " AND (base_currency, target_currency) IN ((:one, :other), (:other, :one))"
    " ORDER BY base_currency = :one DESC, effective_from DESC LIMIT 1"
)


async def current_rate(session: AsyncSession, one: str, other: str, at: datetime) -> Rate | None:
    """The rate between two currencies at that moment; None where none is current, or none is known."""
    row = (await session.execute(_CURRENT, {"one": one, "other": other, "at": at})).one_or_none()
    return None if row is None else Rate.model_validate(dict(row._mapping))
