"""What reconciliation finds: each break, from the rows that it is about. By its `subject` it is found once."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from models.money import written
from models.reconciliation import BreakKind


@dataclass(frozen=True)
class Break:
    """What was found. `at_stake_minor` decides how many people it takes; None where nothing says how much it is."""

    subject: str
    kind: BreakKind
    account: str
    currency: str
    day: date
    detail: str
    at_stake_minor: int | None
    theirs_minor: int | None = None
    ours_minor: int | None = None
    statement_id: UUID | None = None
    entry_id: int | None = None
    transaction_id: UUID | None = None

    def line(self) -> str:
        """The break in a letter."""
        amount = "" if self.at_stake_minor is None else f", {written(abs(self.at_stake_minor), self.currency)}"
        return f"{self.kind.value}: {self.account}, {self.day}{amount}: {self.detail}"


def unknown_account(row: Row[Any]) -> Break:
    """A statement of an account that is not ours: one break for the account, however many come. No money of ours is in
    it."""
    return Break(
        subject=f"account/{row.account}",
        kind=BreakKind.UNKNOWN_ACCOUNT,
        account=row.account,
        currency=row.currency,
        day=row.day,
        detail="the bank sends statements of an account that is not ours",
        at_stake_minor=0,
        statement_id=row.id,
    )


def balance_gap(row: Row[Any]) -> Break | None:
    """Whether a statement's entries lead from its opening to its closing balance."""
    if row.opening_minor is None or row.closing_minor is None:
        return _of_statement(row, BreakKind.BALANCE_GAP, "balance", "it has no opening or no closing balance", None)
    gap = row.closing_minor - row.opening_minor - row.net_minor
    if not gap:
        return None
    detail = f"statement {row.statement_id}: the entries do not lead from the opening to the closing balance"
    return _of_statement(row, BreakKind.BALANCE_GAP, "balance", detail, gap)


def order_gap(before: Row[Any], row: Row[Any]) -> Break | None:
    """What is wrong between a statement and the one before it, of the same account."""
    if before.account != row.account:
        return None
    if before.sequence is not None and row.sequence is not None:
        begins_anew = row.sequence == 1 and row.day.year > before.day.year
        if row.sequence != before.sequence + 1 and not begins_anew:
            detail = f"number {row.sequence} of {row.day} follows number {before.sequence} of {before.day}"
            return _of_statement(row, BreakKind.MISSING_STATEMENT, "sequence", detail, None)
    if before.closing_minor is None or row.opening_minor is None or before.closing_minor == row.opening_minor:
        return None
    detail = f"statement {row.statement_id} does not open with what {before.statement_id} closed with"
    return _of_statement(row, BreakKind.OPENING_GAP, "opening", detail, row.opening_minor - before.closing_minor)


def _of_statement(row: Row[Any], kind: BreakKind, what: str, detail: str, gap_minor: int | None) -> Break:
    return Break(
        subject=f"statement/{row.id}/{what}",
        kind=kind,
        account=row.account,
        currency=row.currency,
        day=row.day,
        detail=detail[:500],
        at_stake_minor=gap_minor,
        theirs_minor=gap_minor,
        statement_id=row.id,
    )


def differing(account: str, currency: str, entry: Row[Any], item: Row[Any]) -> Break:
    """One payment with two amounts."""
    return Break(
        subject=f"pair/{entry.id}",
        kind=BreakKind.AMOUNT_DIFFERS,
        account=account,
        currency=currency,
        day=entry.day,
        detail=f"payment {entry.end_to_end_id or entry.uetr}",
        at_stake_minor=entry.amount_minor - item.amount_minor,
        theirs_minor=entry.amount_minor,
        ours_minor=item.amount_minor,
        statement_id=entry.statement_id,
        entry_id=entry.id,
        transaction_id=item.transaction_id,
    )


def not_ours(account: str, currency: str, entry: Row[Any]) -> Break:
    """An entry of theirs that we have not booked, or have matched before."""
    return Break(
        subject=f"entry/{entry.id}",
        kind=BreakKind.DUPLICATE if entry.again else BreakKind.NOT_IN_OURS,
        account=account,
        currency=currency,
        day=entry.day,
        detail=f"payment {entry.end_to_end_id or entry.uetr or 'without a reference'}",
        at_stake_minor=entry.amount_minor,
        theirs_minor=entry.amount_minor,
        statement_id=entry.statement_id,
        entry_id=entry.id,
    )


def not_theirs(account: str, currency: str, item: Row[Any]) -> Break:
    """A posting of ours that is on no statement."""
    return Break(
        subject=f"item/{item.transaction_id}/{item.leg}",
        kind=BreakKind.NOT_IN_THEIRS,
        account=account,
        currency=currency,
        day=item.value_on,
        detail=f"payment {item.end_to_end_id or item.uetr or 'without a reference'}",
        at_stake_minor=item.amount_minor,
        ours_minor=item.amount_minor,
        transaction_id=item.transaction_id,
    )
