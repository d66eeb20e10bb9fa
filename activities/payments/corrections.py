"""Notifications of change (Nacha Operating Rules, Appendix Five): a payment arrived, the next is to be written anew.

The standing order that the payment is of is corrected at once, with the payment of it that waits for its day, and so
within the six banking days that the rules give. A payment that was ordered by itself repeats
nothing. Its owner is told.
"""

import re
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from activities.payments.desk import tell_customer
from models.bank_codes import checked_routing_number
from models.errors import InvalidRoutingNumber
from models.payments import Rail, RecipientAccount
from models.tables import payments
from models.tables.payments import Payment, StandingOrder

_ACCOUNT: Final = re.compile(r"[A-Z0-9-]{1,17}")
_TYPES: Final = {"22": RecipientAccount.CHECKING, "32": RecipientAccount.SAVINGS}
# What a customer can mend; C04 (name), C09 (our own reference) and what is not known are told as they are.
_WHAT: Final = {
    "C01": "the account number",
    "C02": "the routing number",
    "C03": "the routing number and the account number",
    "C05": "the kind of account",
    "C06": "the account number and the kind of account",
    "C07": "the routing number, the account number and the kind of account",
}


def changes_in(code: str, corrected: str) -> dict[str, str]:
    """The columns of a standing order that a notification of change gives anew; empty: none that can be read."""
    words = corrected.split()
    match code, words:
        case "C01", [account]:
            found = {"recipient_account_number": account}
        case "C02", [routing]:
            found = {"recipient_routing_number": routing}
        case "C03", [routing, account]:
            found = {"recipient_routing_number": routing, "recipient_account_number": account}
        case "C05", [kind]:
            found = {"recipient_account_type": kind}
        case "C06", [account, kind]:
            found = {"recipient_account_number": account, "recipient_account_type": kind}
        case "C07", [both]:
            # Nine digits, the account in seventeen characters, the transaction code: without spaces in between.
            routing, account, kind = both[:9], both[9:-2], both[-2:]
            found = _all_three(routing, account, kind)
        case "C07", [routing_and_account, kind]:
            found = _all_three(routing_and_account[:9], routing_and_account[9:], kind)
        case _:
            return {}
    return _read(found)


def _all_three(routing: str, account: str, kind: str) -> dict[str, str]:
    return {
        "recipient_routing_number": routing,
        "recipient_account_number": account,
        "recipient_account_type": kind,
    }


def _read(found: dict[str, str]) -> dict[str, str]:
    kind = found.get("recipient_account_type")
    if kind is not None:
        # By the account: any code of a savings account ends what is for one.
        known = _TYPES.get(kind) or (RecipientAccount.SAVINGS if kind[:1] == "3" else None)
        if known is None:
            return {}
        found["recipient_account_type"] = known
    if not _ACCOUNT.fullmatch(found.get("recipient_account_number", "X")):
        return {}
    try:
        if "recipient_routing_number" in found:
            checked_routing_number(found["recipient_routing_number"])
    except InvalidRoutingNumber:
        return {}
    return found


async def correct(session: AsyncSession, payment: Payment, answer: Any) -> bool:
    """Applies a notification of change about `payment`. False: the rail has none, and a person has to look."""
    if payment.rail != Rail.ACH:
        return False
    code, corrected = answer.reason_code or "", answer.reason_text or ""
    changed = changes_in(code, corrected)
    standing = None
    if payment.standing_order_id is not None and changed:
        standing = await payments.locked_standing(session, payment.standing_order_id)
        _put(standing, changed)
        upcoming = (await payments.upcoming_of(session, [standing.id])).get(standing.id)
        if upcoming is not None:
            _put(await payments.locked(session, upcoming.id), changed)
        await session.flush()
    await payments.tell(
        session,
        payment,
        "corrected",
        actor="bank",
        step=f"corrected/{answer.id}",
        data={"code": code, "fields": sorted(changed), "standing_order": standing is not None},
    )
    what = _WHAT.get(code, "the details")
    done = (
        "We have put it into your standing order; you need not do anything."
        if standing is not None
        else "Please use the corrected details from now on: ask the recipient for them."
    )
    await tell_customer(
        session,
        payment,
        "corrected",
        "The bank of a recipient has told a correction",
        f"Your payment arrived. The bank of the recipient says that {what} will be different ({code}).\n{done}",
    )
    return True


def _put(row: StandingOrder | Payment, changed: dict[str, str]) -> None:
    for column, value in changed.items():
        setattr(row, column, value)
