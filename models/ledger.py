"""Entries of the ledger: what a posting is, before the database has seen it.

An entry moves money between accounts by at least two legs that sum to zero. Amounts are whole minor units and are
counted **credit-positive**: a leg above zero credits its account (the bank owes more), a leg below zero debits it. An
asset of the bank, such as its account at a correspondent, therefore stands below zero.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final, Self
from uuid import UUID

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from uuid_utils.compat import uuid7

from models.errors import (
    AccountUnusable,
    AurumError,
    CurrencyMismatch,
    Forbidden,
    IdempotencyConflict,
    InsufficientFunds,
    LedgerFrozen,
    Malformed,
    NotFound,
    WrongState,
)
from models.money import MAX_MINOR, exponent

# The first byte of what is hashed. Another formula gets another version, so that old rows stay verifiable.
CONTENT_VERSION: Final = b"\x01"


class InternalPurpose(StrEnum):
    """What one of the bank's own accounts is for; there is one for each purpose and currency."""

    NOSTRO = "nostro"  # our money at the correspondent bank
    FEES = "fees"  # what customers paid for services
    OPENING = "opening"  # where the opening funds of seeded people come from
    BLOCKED = "blocked"  # money of sanctioned parties, which may neither be paid nor returned
    SUSPENSE = "suspense"  # money whose owner is not known yet
    CLEARING = "clearing"  # money on its way between two of our books
    CORRESPONDENT_CHARGES = "correspondent_charges"  # taken in advance for what other banks will charge us
    INTEREST = "interest"  # what we pay for money that we keep


class Outcome(StrEnum):
    """What the database's `ledger_post` says of one entry."""

    POSTED = "posted"
    REPLAYED = "replayed"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    ACCOUNT_NOT_FOUND = "account_not_found"
    UNBALANCED = "unbalanced"
    CURRENCY_MISMATCH = "currency_mismatch"
    ACCOUNT_UNUSABLE = "account_unusable"
    NOT_PERMITTED = "not_permitted"
    HOLD_NOT_OPEN = "hold_not_open"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LEDGER_FROZEN = "ledger_frozen"


class HoldStatus(StrEnum):
    """Money set aside is open until it is paid out (captured) or given back (released)."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("text cannot hold the character U+0000")
    value.encode()  # a lone surrogate is no text either, and says so here
    return value


def _storable_json(value: Mapping[str, Any]) -> Mapping[str, Any]:
    pending: list[object] = [value]
    while pending:
        match pending.pop():
            case str(text):
                _storable(text)
            case dict(members):
                pending += members.keys()
                pending += members.values()
            case list(items):
                pending += items
            case None | bool():
                pass
            case int(number) if abs(number) < 2**63:
                pass
            case other:
                raise ValueError(f"metadata is text, 64-bit whole numbers, lists and objects, not {other!r}")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Minor = Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR)]


class Leg(BaseModel):
    """One account's part of an entry, in minor units of the entry's currency.

    Above zero credit, below zero debit.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    account_id: UUID
    amount_minor: Minor


def debit(account_id: UUID, amount_minor: int) -> Leg:
    """A leg that takes `amount_minor` (above zero) from the account."""
    return Leg(account_id=account_id, amount_minor=-amount_minor)


def credit(account_id: UUID, amount_minor: int) -> Leg:
    """A leg that gives `amount_minor` (above zero) to the account."""
    return Leg(account_id=account_id, amount_minor=amount_minor)


class Entry(BaseModel):
    """One entry of the journal. Amounts are minor units of `currency`.

    `key` makes posting idempotent: the same key with the same content (`content_hash`) returns the entry that is
    stored, with other content it is refused. `amount_minor` is the headline amount that people read; `legs` are what is
    booked. `captures` names a hold that this entry turns into a debit. `on_behalf_of` is the customer whose accounts
    may be debited; None acts for the bank, which the database allows to the worker alone. `value_date` None is the day
    of posting.

    Raises pydantic's `ValidationError` for what no ledger can book: fewer than two legs, a leg of zero, a sum that is
    not zero; and `UnknownCurrency`. Posting can then only be refused for what the books say.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: UUID = Field(default_factory=uuid7)
    key: Annotated[Text, Field(min_length=1, max_length=200)]
    kind: Annotated[Text, Field(min_length=1, max_length=40)]
    currency: str
    amount_minor: Annotated[int, Field(gt=0, le=MAX_MINOR)]
    legs: Annotated[tuple[Leg, ...], Field(min_length=2, max_length=1000)]
    from_account_id: UUID | None = None
    to_account_id: UUID | None = None
    fee_minor: Annotated[int, Field(ge=0, le=MAX_MINOR)] = 0
    description: Annotated[Text, Field(max_length=500)] = ""
    category: Annotated[Text, Field(max_length=80)] | None = None
    metadata: Annotated[Mapping[str, Any], AfterValidator(_storable_json)] = Field(default_factory=dict)
    value_date: date | None = None
    reversal_of: UUID | None = None
    captures: UUID | None = None
    on_behalf_of: UUID | None = None

    @model_validator(mode="after")
    def _can_be_booked(self) -> Self:
        exponent(self.currency)
        total = 0
        for leg in self.legs:
            if leg.amount_minor == 0:
                raise ValueError("a leg moves something: zero is no leg")
            total += leg.amount_minor
        if total != 0:
            raise ValueError(f"the legs sum to {total}, not to zero")
        return self

    def content_hash(self) -> bytes:
        """SHA-256 over all that makes two requests the same request.

        Not the id, the key, nor the time of posting.
        """
        content = (
            self.kind,
            self.currency,
            self.amount_minor,
            [(leg.account_id, leg.amount_minor) for leg in self.legs],
            self.from_account_id,
            self.to_account_id,
            self.fee_minor,
            self.description,
            self.category,
            self.metadata,
            self.value_date,
            self.reversal_of,
            self.captures,
            self.on_behalf_of,
        )
        return sha256(CONTENT_VERSION + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


class PostedEntry(BaseModel):
    """An entry that stands in the books.

    `replayed`: it stood there already, and nothing was moved by this call.
    """

    model_config = ConfigDict(frozen=True)

    transaction_id: UUID
    replayed: bool


class Hold(BaseModel):
    """Money of an account set aside for a process, which `owner_kind` and `owner_id` name."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    account_id: UUID
    amount_minor: int
    owner_kind: str
    owner_id: UUID
    status: HoldStatus


class Balance(BaseModel):
    """What an account holds, in minor units of `currency`. Available is what is posted less what is held."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    currency: str
    posted_minor: int
    held_minor: int

    @property
    def available_minor(self) -> int:
        """What can be spent now."""
        return self.posted_minor - self.held_minor


class Breach(BaseModel):
    """A rule of the ledger that does not hold.

    For `subject` it should be `expected` and is `found` (minor units).
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    subject: str
    expected: int
    found: int


def refusal(outcome: Outcome, entry: Entry) -> AurumError:
    """The error that an outcome other than posted and replayed is for the caller."""
    match outcome:
        case Outcome.INSUFFICIENT_FUNDS:
            return InsufficientFunds("The available balance does not cover the amount and its fee")
        case Outcome.IDEMPOTENCY_CONFLICT:
            return IdempotencyConflict(f"The key {entry.key!r} was used for an entry with other content")
        case Outcome.ACCOUNT_NOT_FOUND:
            return NotFound("There is no such account")
        case Outcome.CURRENCY_MISMATCH:
            return CurrencyMismatch(f"An account of this entry is not held in {entry.currency}")
        case Outcome.ACCOUNT_UNUSABLE:
            return AccountUnusable("The account is frozen or closed")
        case Outcome.NOT_PERMITTED:
            return Forbidden("This account may not be debited by you")
        case Outcome.HOLD_NOT_OPEN:
            return WrongState("The money set aside for this was paid out or given back before")
        case Outcome.LEDGER_FROZEN:
            return LedgerFrozen("The bank books nothing at the moment; your request was not carried out")
        case _:
            return Malformed(f"The ledger does not book this entry: {outcome}")


def rounds(entries: Iterable[Entry]) -> list[list[int]]:
    """Positions of `entries` in as few batches as possible, so that none has a key or a captured hold twice.

    Order is kept within a key and within a hold, which is what the outcome of the later one depends on.
    """
    batches: list[list[int]] = []
    seen: dict[str | UUID, int] = {}
    for position, entry in enumerate(entries):
        claims: list[str | UUID] = [entry.key] if entry.captures is None else [entry.key, entry.captures]
        turn = max((seen[claim] + 1 for claim in claims if claim in seen), default=0)
        for claim in claims:
            seen[claim] = turn
        if turn == len(batches):
            batches.append([])
        batches[turn].append(position)
    return batches
