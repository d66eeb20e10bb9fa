"""A Nacha file from the bank: entries that come back (addenda 99), and notifications of change (addenda 98).

Counts, hashes and totals are added up again before anything in the file is believed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from infra.providers.bank.nacha_records import (
    BATCH_CONTROL,
    BATCH_HEADER,
    CHANGE_ADDENDA,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    RETURN_ADDENDA,
    Record,
    records_in,
)
from models.bank import NOT_PROVIDED, AnswerKind, BankAnswer, EntryDirection, ParsedMessage, UnreadableMessage

MESSAGE_TYPE: Final = "nacha.return"
_RETURN: Final = "799"
_CHANGE: Final = "798"
# By the second digit of its transaction code an entry counts among the credits or the debits; returns too.
_CREDIT_DIGITS: Final = frozenset("1234")
_HASH_DIGITS: Final = 10**10


def read_nacha(content: bytes) -> ParsedMessage:
    """One answer for each entry. Raises `UnreadableMessage` for a file that is damaged, or is no file of returns."""
    records = records_in(content)
    header, control = records[0], records[-1]
    if header.type != "1" or control.type != "9":
        raise UnreadableMessage("a Nacha file begins with a file header and ends with a file control")
    _adds_up(records[1:-1], control)
    answers = tuple(_answers(records[1:-1]))
    if not answers:
        raise UnreadableMessage("the Nacha file holds no entry")
    created = f"{header.text(FILE_HEADER, 'created_on')}{header.text(FILE_HEADER, 'created_at') or '0000'}"
    try:
        created_at = datetime.strptime(created, "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableMessage("the file header does not say when the file was made") from None
    origin, modifier = header.text(FILE_HEADER, "origin"), header.text(FILE_HEADER, "modifier")
    return ParsedMessage(
        message_type=MESSAGE_TYPE,
        message_id=f"{origin}-{created}{modifier}",
        created_at=created_at,
        answers=answers,
    )


def _adds_up(records: list[Record], control: Record) -> None:
    """Raises `UnreadableMessage` where a batch or the file is not what its control record says."""
    whole = _Sum()
    batch: _Sum | None = None
    batches = 0
    for record in records:
        if record.type == "5":
            batch = _Sum()
        elif record.type in {"6", "7"} and batch is not None:
            batch.add(record)
            whole.add(record)
        elif record.type == "8" and batch is not None:
            batch.agrees(record, BATCH_CONTROL)
            batch, batches = None, batches + 1
        else:
            raise UnreadableMessage(f"line {record.number} is out of place in a Nacha file")
    if batch is not None:
        raise UnreadableMessage("the last batch of the Nacha file has no control record")
    whole.agrees(control, FILE_CONTROL)
    if control.whole(FILE_CONTROL, "batches") != batches:
        raise UnreadableMessage(f"the file control counts other than {batches} batches")


class _Sum:
    """What control records count."""

    def __init__(self) -> None:
        self.count = self.hash = self.debits = self.credits = 0

    def add(self, record: Record) -> None:
        self.count += 1
        if record.type == "6":
            self.hash += record.whole(ENTRY, "rdfi")
            amount = record.whole(ENTRY, "amount")
            if record.text(ENTRY, "transaction")[1:] in _CREDIT_DIGITS:
                self.credits += amount
            else:
                self.debits += amount

    def agrees(self, control: Record, layout: tuple[tuple[str, int, bool], ...]) -> None:
        for name, found in (
            ("count", self.count),
            ("hash", self.hash % _HASH_DIGITS),
            ("debits", self.debits),
            ("credits", self.credits),
        ):
            if control.whole(layout, name) != found:
                raise UnreadableMessage(f"line {control.number}: {name} is not {found}, what the entries add up to")


def _answers(records: list[Record]) -> Iterator[BankAnswer]:
    settled_on: date | None = None
    entry: Record | None = None
    for record in records:
        if record.type == "5":
            settled_on = _day(record.text(BATCH_HEADER, "effective_on"))
        elif record.type == "6":
            if entry is not None:
                break
            entry = record
        elif record.type == "7" and entry is not None:
            yield _answer(entry, record, settled_on)
            entry = None
    if entry is not None:
        raise UnreadableMessage(f"line {entry.number} is an entry that neither comes back nor is corrected")


def _answer(entry: Record, addenda: Record, settled_on: date | None) -> BankAnswer:
    kind = addenda.content[:3]
    if kind not in {_RETURN, _CHANGE}:
        raise UnreadableMessage(f"line {addenda.number}: an entry of the bank's has an addenda of type 98 or 99")
    changed = kind == _CHANGE
    layout = CHANGE_ADDENDA if changed else RETURN_ADDENDA
    individual_id = entry.text(ENTRY, "individual_id")
    return BankAnswer(
        kind=AnswerKind.CORRECTED if changed else AnswerKind.RETURNED,
        instruction_id=addenda.text(layout, "original_trace"),
        end_to_end_id=individual_id if individual_id not in {"", NOT_PROVIDED} else None,
        amount_minor=entry.whole(ENTRY, "amount"),
        currency="USD",
        direction=None if changed else EntryDirection.CREDIT,
        reason_code=addenda.text(layout, "reason"),
        reason_text=addenda.text(layout, "corrected" if changed else "information") or None,
        booked_on=None if changed else settled_on,
        value_on=settled_on,
        bank_reference=entry.text(ENTRY, "trace"),
    )


def _day(written: str) -> date | None:
    try:
        return datetime.strptime(written, "%y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
