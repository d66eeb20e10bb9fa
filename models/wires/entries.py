"""The entries of a wire in the ledger, each with its table of debits and credits."""

from datetime import date, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.ledger import Entry, Leg, credit, debit
from models.money import written
from models.statements.monthly import INTEREST
from models.wires.interest import Interest


class WireMoney(BaseModel):
    """The facts of a wire that its entries are made of. `debited_minor` is what the customer pays in all."""

    model_config = ConfigDict(frozen=True)

    wire_id: UUID
    account_id: UUID
    amount_minor: int
    fee_minor: int
    deducted_minor: int
    currency: str
    correspondent_minor: int = 0

    @property
    def debited_minor(self) -> int:
        """Amount and fee."""
        return self.amount_minor + self.fee_minor

    @property
    def paid_minor(self) -> int:
        """What the correspondent pays out of our account."""
        return self.amount_minor - self.deducted_minor


def settlement_entry(
    wire: WireMoney,
    *,
    hold_id: UUID,
    nostro: UUID,
    fees: UUID,
    correspondent_charges: UUID | None = None,
    value_date: date,
    reference: str,
) -> Entry:
    """The entry that settles a wire. It turns the hold into a debit.

    | account               | debit          | credit                        |
    |-----------------------|----------------|-------------------------------|
    | customer              | amount + fee   |                               |
    | nostro                |                | amount − deducted             |
    | fees                  |                | fee − correspondents', or deducted |
    | correspondent charges |                | correspondents' part of the fee (OUR) |

    Where a part is for the correspondents, `correspondent_charges` is given.
    """
    legs = [
        Leg(account_id=wire.account_id, amount_minor=-wire.debited_minor),
        Leg(account_id=nostro, amount_minor=wire.paid_minor),
    ]
    charge = wire.fee_minor + wire.deducted_minor
    own = charge - wire.correspondent_minor
    if own:
        legs.append(Leg(account_id=fees, amount_minor=own))
    if wire.correspondent_minor:
        assert correspondent_charges is not None
        legs.append(Leg(account_id=correspondent_charges, amount_minor=wire.correspondent_minor))
    return Entry(
        key=f"wire/{wire.wire_id}/settlement",
        kind="wire",
        currency=wire.currency,
        amount_minor=wire.amount_minor,
        legs=tuple(legs),
        from_account_id=wire.account_id,
        to_account_id=nostro,
        fee_minor=charge,
        description=reference,
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id)},
        value_date=value_date,
        captures=hold_id,
    )


def seizure_entry(wire: WireMoney, *, hold_id: UUID, blocked: UUID, value_date: date) -> Entry:
    """The entry that takes blocked property out of the customer's reach (31 CFR 501.603), by capturing the hold.

    | account           | debit        | credit |
    |-------------------|--------------|--------|
    | customer          | amount + fee |        |
    | blocked           |              | amount |
    | customer          |              | fee    |

    The fee is given back: the wire was not carried out, and the fee is no property of whoever is listed.
    """
    legs = [
        Leg(account_id=wire.account_id, amount_minor=-wire.debited_minor),
        Leg(account_id=blocked, amount_minor=wire.amount_minor),
    ]
    if wire.fee_minor:
        legs.append(Leg(account_id=wire.account_id, amount_minor=wire.fee_minor))
    return Entry(
        key=f"wire/{wire.wire_id}/seizure",
        kind="wire_blocked",
        currency=wire.currency,
        amount_minor=wire.amount_minor,
        legs=tuple(legs),
        from_account_id=wire.account_id,
        to_account_id=blocked,
        description="Wire blocked",
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id)},
        value_date=value_date,
        captures=hold_id,
    )


def licence_entry(wire: WireMoney, *, blocked: UUID, value_date: date) -> Entry:
    """The entry that gives blocked property back to the customer, as a licence of the authority allows.

    | account  | debit  | credit |
    |----------|--------|--------|
    | blocked  | amount |        |
    | customer |        | amount |
    """
    return Entry(
        key=f"wire/{wire.wire_id}/licence",
        kind="wire_unblocked",
        currency=wire.currency,
        amount_minor=wire.amount_minor,
        legs=(
            Leg(account_id=blocked, amount_minor=-wire.amount_minor),
            Leg(account_id=wire.account_id, amount_minor=wire.amount_minor),
        ),
        from_account_id=blocked,
        to_account_id=wire.account_id,
        description="Blocked wire given back",
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id)},
        value_date=value_date,
    )


def interest_entry(wire_id: UUID, currency: str, interest: Interest, *, paid_by: UUID, blocked: UUID) -> Entry:
    """The entry for the interest that blocked property has earned, on the day after the last that it is for. It is
    blocked as the property is.

    | account       | debit    | credit   |
    |---------------|----------|----------|
    | interest paid | interest |          |
    | blocked       |          | interest |
    """
    return Entry(
        key=f"wire/{wire_id}/interest/{interest.to_day}",
        kind="blocked_interest",
        currency=currency,
        amount_minor=interest.amount_minor,
        legs=(debit(paid_by, interest.amount_minor), credit(blocked, interest.amount_minor)),
        from_account_id=paid_by,
        to_account_id=blocked,
        description=f"Interest on blocked property from {interest.from_day} to {interest.to_day - timedelta(days=1)}",
        metadata={"wire_id": str(wire_id), "base_minor": interest.base_minor},
        value_date=interest.to_day,
    )


def licence_interest_entry(wire: WireMoney, *, interest_minor: int, blocked: UUID, value_date: date) -> Entry:
    """The entry that gives the interest back together with the property that earned it.

    | account  | debit    | credit   |
    |----------|----------|----------|
    | blocked  | interest |          |
    | customer |          | interest |
    """
    return Entry(
        key=f"wire/{wire.wire_id}/licence-interest",
        kind=INTEREST,
        currency=wire.currency,
        amount_minor=interest_minor,
        legs=(debit(blocked, interest_minor), credit(wire.account_id, interest_minor)),
        from_account_id=blocked,
        to_account_id=wire.account_id,
        description="Interest on a blocked wire",
        category="income",
        metadata={"wire_id": str(wire.wire_id)},
        value_date=value_date,
    )


def return_entry(wire: WireMoney, *, nostro: UUID, returned_minor: int, value_date: date, reason: str) -> Entry:
    """The entry for money that came back after settlement, net of what the banks on the way kept.

    | account  | debit          | credit   |
    |----------|----------------|----------|
    | nostro   | returned       |          |
    | customer |                | paid     |
    | customer | charges        |          |

    The charges of others are the customer's (reference/banking.md §6.9) and have a leg of their own, so that whoever
    reads the account sees what was kept. Our fee is not given back: the wire was carried out.
    """
    charges = wire.paid_minor - returned_minor
    legs = [
        Leg(account_id=nostro, amount_minor=-returned_minor),
        Leg(account_id=wire.account_id, amount_minor=wire.paid_minor),
    ]
    if charges:
        legs.append(Leg(account_id=wire.account_id, amount_minor=-charges))
    less = f", less charges of {written(charges, wire.currency)}" if charges else ""
    return Entry(
        key=f"wire/{wire.wire_id}/return",
        kind="wire_return",
        currency=wire.currency,
        amount_minor=returned_minor,
        legs=tuple(legs),
        from_account_id=nostro,
        to_account_id=wire.account_id,
        fee_minor=charges,
        description=f"Wire returned: {reason}{less}",
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id), "reason": reason},
        value_date=value_date,
    )
