"""The records of a Nacha file: 94 characters each, by position and width (Nacha Operating Rules, Appendix Three).

One declaration serves the writer and the reader. Numeric fields are digits, right-justified and zero-filled; the others
are left-justified and filled with spaces. Characters are ASCII from space to tilde, one byte each.
"""

from dataclasses import dataclass
from typing import Final

from models.bank import UnreadableMessage, UnwritableMessage

LINE: Final = 94
BLOCK: Final = 10
PADDING: Final = "9" * LINE

# Name, width, numeric.
_Layout = tuple[tuple[str, int, bool], ...]

FILE_HEADER: Final[_Layout] = (
    ("type", 1, True), ("priority", 2, True), ("destination", 10, False), ("origin", 10, False),
    ("created_on", 6, True), ("created_at", 4, False), ("modifier", 1, False), ("record_size", 3, True),
    ("blocking", 2, True), ("format", 1, True), ("destination_name", 23, False), ("origin_name", 23, False),
    ("reference", 8, False),
)  # fmt: skip
BATCH_HEADER: Final[_Layout] = (
    ("type", 1, True), ("service", 3, True), ("company_name", 16, False), ("discretionary", 20, False),
    ("company_id", 10, False), ("entry_class", 3, False), ("description", 10, False), ("descriptive_date", 6, False),
    ("effective_on", 6, False), ("settlement", 3, False), ("originator_status", 1, False), ("odfi", 8, True),
    ("batch", 7, True),
)  # fmt: skip
ENTRY: Final[_Layout] = (
    ("type", 1, True), ("transaction", 2, True), ("rdfi", 8, True), ("check_digit", 1, True), ("account", 17, False),
    ("amount", 10, True), ("individual_id", 15, False), ("name", 22, False), ("discretionary", 2, False),
    ("addenda", 1, True), ("trace", 15, True),
)  # fmt: skip
PAYMENT_ADDENDA: Final[_Layout] = (
    ("type", 1, True), ("kind", 2, True), ("information", 80, False), ("sequence", 4, True),
    ("entry_sequence", 7, True),
)  # fmt: skip
RETURN_ADDENDA: Final[_Layout] = (
    ("type", 1, True), ("kind", 2, True), ("reason", 3, False), ("original_trace", 15, True),
    ("date_of_death", 6, False), ("original_rdfi", 8, True), ("information", 44, False), ("trace", 15, True),
)  # fmt: skip
CHANGE_ADDENDA: Final[_Layout] = (
    ("type", 1, True), ("kind", 2, True), ("reason", 3, False), ("original_trace", 15, True), ("reserved", 6, False),
    ("original_rdfi", 8, True), ("corrected", 29, False), ("reserved_too", 15, False), ("trace", 15, True),
)  # fmt: skip
BATCH_CONTROL: Final[_Layout] = (
    ("type", 1, True), ("service", 3, True), ("count", 6, True), ("hash", 10, True), ("debits", 12, True),
    ("credits", 12, True), ("company_id", 10, False), ("authentication", 19, False), ("reserved", 6, False),
    ("odfi", 8, True), ("batch", 7, True),
)  # fmt: skip
FILE_CONTROL: Final[_Layout] = (
    ("type", 1, True), ("batches", 6, True), ("blocks", 6, True), ("count", 8, True), ("hash", 10, True),
    ("debits", 12, True), ("credits", 12, True), ("reserved", 39, False),
)  # fmt: skip


def line(layout: _Layout, **values: object) -> str:
    """One record; a field that is not named is zeros or spaces. Raises `UnwritableMessage` for what is too long."""
    written = []
    for name, width, numeric in layout:
        value = str(values.get(name, ""))
        if len(value) > width or not (value.isascii() and (value.isprintable() or not value)):
            raise UnwritableMessage(f"{name} does not fit into {width} characters of ASCII")
        if numeric and value and not value.isdigit():
            raise UnwritableMessage(f"{name} is a number")
        written.append(value.rjust(width, "0") if numeric else value.ljust(width))
    return "".join(written)


@dataclass(frozen=True, slots=True)
class Record:
    """One line that was received, with its number for complaints."""

    number: int
    content: str

    @property
    def type(self) -> str:
        """The record type code."""
        return self.content[0]

    def text(self, layout: _Layout, wanted: str) -> str:
        """A field, without the spaces around it."""
        start = 0
        for name, width, _ in layout:
            if name == wanted:
                return self.content[start : start + width].strip()
            start += width
        raise KeyError(wanted)

    def whole(self, layout: _Layout, wanted: str) -> int:
        """A numeric field. Raises `UnreadableMessage`."""
        digits = self.text(layout, wanted)
        if not digits.isdigit():
            raise UnreadableMessage(f"line {self.number}: {wanted} is not a number")
        return int(digits)


def records_in(content: bytes) -> list[Record]:
    """The records of a file, without the lines of nines at its end. Raises `UnreadableMessage`."""
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError as problem:
        raise UnreadableMessage(f"the file is not ASCII: byte {problem.start} cannot be") from None
    records = []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        if len(text) != LINE:
            raise UnreadableMessage(f"line {number} has {len(text)} characters; a Nacha record has {LINE}")
        records.append(Record(number, text))
    while len(records) > 1 and records[-1].content == PADDING:
        records.pop()
    return records
