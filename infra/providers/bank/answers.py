"""Which message a file from the bank is, and what it answers."""

from collections.abc import Callable
from typing import Final

from infra.providers.bank.account_reports import read_notification, read_statement
from infra.providers.bank.bai2_statements import read_bai2
from infra.providers.bank.cancellation_requests import read_cancellation
from infra.providers.bank.investigations import read_resolution
from infra.providers.bank.nacha_acknowledgements import read_acknowledgement
from infra.providers.bank.nacha_returns import read_nacha
from infra.providers.bank.received import Part, document_in
from infra.providers.bank.returns import read_return
from infra.providers.bank.status_reports import read_customer_report, read_interbank_report
from infra.providers.bank.status_requests import read_status_request
from infra.providers.bank.validate import schema_violation
from models.bank import ParsedMessage, UnreadableMessage

# The versions in which every element that we read is where we read it.
READERS: Final[dict[str, tuple[frozenset[str], Callable[[str, Part], ParsedMessage]]]] = {
    "pain.002.001": (frozenset({"03", "10", "12", "14"}), read_customer_report),
    "pacs.002.001": (frozenset({"03", "08", "10", "12"}), read_interbank_report),
    "pacs.004.001": (frozenset({"02", "09", "11"}), read_return),
    "camt.029.001": (frozenset({"06", "08", "09", "11"}), read_resolution),
    "camt.056.001": (frozenset({"08", "10", "11"}), read_cancellation),
    "pacs.028.001": (frozenset({"03"}), read_status_request),
    "camt.053.001": (frozenset({"02", "04", "06", "08", "10", "12"}), read_statement),
    "camt.054.001": (frozenset({"02", "04", "06", "08", "10", "12"}), read_notification),
}

# What is no XML, by how it begins.
TEXT_READERS: Final[dict[bytes, Callable[[bytes], ParsedMessage]]] = {
    b"ACKNOWLEDGEMENT ": read_acknowledgement,
    b"101": read_nacha,
    b"01,": read_bai2,
}


def read_answers(content: bytes, *, strict: bool = False) -> ParsedMessage:
    """What a file from the bank says. The file is not trusted; see `received`.

    Every amount, currency, side and reference that is read has to be there and be one, whether `strict` or not.
    `strict` refuses as well what breaks the published schema anywhere, where we keep the schema of that version: in
    such a file an element may be there twice, and which one is meant nobody says.

    Raises `UnreadableMessage` with a sentence for a person: what the file is, or what is missing in it.
    """
    for beginning, read_text in TEXT_READERS.items():
        if content.startswith(beginning):
            return read_text(content)
    message_type, document = document_in(content)
    family, _, version = message_type.rpartition(".")
    versions, read = READERS.get(family, (frozenset(), None))
    if read is None:
        raise UnreadableMessage(f"it is a {message_type}, which is not a message that we read")
    if version not in versions:
        known = ", ".join(sorted(versions))
        raise UnreadableMessage(f"it is a {message_type}; of {family} we read the versions {known}")
    if strict and (violation := schema_violation(message_type, document.element)) is not None:
        raise UnreadableMessage(f"it is no valid {message_type}: {violation[:300]}")
    return read(message_type, document)
