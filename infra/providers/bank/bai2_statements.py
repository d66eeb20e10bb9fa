"""BAI2: the daily statement of our ACH account. What is on it was told before, so it is for reconciliation alone.

The `bai2` library reads the records and holds them to their own counts and control totals.
"""

from datetime import UTC, datetime, time
from typing import Any, Final

from bai2 import bai2
from bai2.constants import TypeCodeTransaction

from models.bank import NOT_PROVIDED, AnswerKind, BankAnswer, EntryDirection, ParsedMessage, StatementBalance
from models.bank import UnreadableMessage as Unreadable
from models.errors import AurumError
from models.money import exponent

MESSAGE_TYPE: Final = "bai2.statement"
# BAI2's codes of status items, as ISO 20022 names those balances.
_BALANCES: Final = {"010": "OPBD", "015": "CLBD", "030": "ITBD"}


def read_bai2(content: bytes) -> ParsedMessage:
    """The balances, and an answer of kind `statement_entry` for each transaction. Raises `UnreadableMessage`."""
    try:
        file = bai2.parse_from_string(content.decode("ascii"), check_integrity=True)
        groups = file.children
        created = datetime.combine(file.header.creation_date, file.header.creation_time or time(), UTC)
        balances = tuple(_balance(group, account, item) for group, account, item in _status_items(groups))
        answers = tuple(
            _entry(group, account, one) for group in groups for account in group.children for one in account.children
        )
        return ParsedMessage(
            message_type=MESSAGE_TYPE,
            message_id=f"{file.header.sender_id}-{file.header.creation_date:%y%m%d}-{file.header.file_id}",
            created_at=created,
            answers=answers,
            balances=balances,
        )
    except AurumError:
        raise
    except Exception as problem:  # noqa: BLE001 # the library raises what it stumbles over; the file is a stranger's
        raise Unreadable(f"the BAI2 file cannot be read: {type(problem).__name__}") from None


def _status_items(groups: Any) -> list[tuple[Any, Any, Any]]:
    return [
        (group, account, item)
        for group in groups
        for account in group.children
        for item in account.header.summary_items
        if item.type_code.code in _BALANCES
    ]


def _currency(group: Any, account: Any) -> str:
    currency = account.header.currency or group.header.currency or "USD"
    exponent(currency)
    return str(currency)


def _balance(group: Any, account: Any, item: Any) -> StatementBalance:
    return StatementBalance(
        account=account.header.customer_account_number,
        kind=_BALANCES[item.type_code.code],
        amount_minor=item.amount,
        currency=_currency(group, account),
        day=group.header.as_of_date,
    )


def _entry(group: Any, account: Any, entry: Any) -> BankAnswer:
    credited = entry.type_code.transaction is TypeCodeTransaction.credit
    reference = entry.bank_reference or None
    return BankAnswer(
        kind=AnswerKind.STATEMENT_ENTRY,
        end_to_end_id=None if reference == NOT_PROVIDED else reference,
        amount_minor=entry.amount,
        currency=_currency(group, account),
        direction=EntryDirection.CREDIT if credited else EntryDirection.DEBIT,
        account=account.header.customer_account_number,
        booked_on=group.header.as_of_date,
        bank_reference=reference,
    )
