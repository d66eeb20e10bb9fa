"""Payments to instruct a bank with, and the messages of a bank."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from models.bank import Charges, Party, PaymentInstruction, PostalAddress

OUR_NOSTRO = "NL26MOCK0000009001"
CREATED_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def aurum(**changes: Any) -> Party:
    """Our bank."""
    facts: dict[str, Any] = {
        "name": "Aurum Bank",
        "bic": "AURUNL2A",
        "address": PostalAddress(
            street="Herengracht", building="1", town="Amsterdam", postal_code="1015BK", country="NL"
        ),
    }
    return Party(**facts | changes)


def customer(**changes: Any) -> Party:
    """The customer who pays."""
    facts: dict[str, Any] = {
        "name": "Ada Lovelace",
        "account": "1000000017",
        "address": PostalAddress(
            street="Dorset Street", building="5", town="London", postal_code="W1U 6QW", country="GB"
        ),
    }
    return Party(**facts | changes)


def beneficiary(**changes: Any) -> Party:
    """Who is paid, with an account by IBAN at another bank."""
    facts: dict[str, Any] = {
        "name": "Charles Babbage GmbH",
        "account": "DE89370400440532013000",
        "address": PostalAddress(
            street="Unter den Linden", building="7", town="Berlin", postal_code="10117", country="DE"
        ),
    }
    return Party(**facts | changes)


def instruction(number: int = 1, **changes: Any) -> PaymentInstruction:
    """A complete payment of 1,000.00 USD. `number` makes its identifiers its own."""
    facts: dict[str, Any] = {
        "message_id": f"AURUM-20261120-{number:06d}",
        "instruction_id": f"W{number:015d}",
        "end_to_end_id": f"WIRE-{number:06d}",
        "uetr": str(UUID(int=number, version=4)),
        "amount_minor": 100_000,
        "currency": "USD",
        "execution_date": date(2026, 11, 20),
        "charges": Charges.SHA,
        "purpose_code": "SUPP",
        "remittance": "Invoice 4711",
        "created_at": CREATED_AT,
        "initiating_bank": aurum(),
        "correspondent_bic": "MOCKNL2A",
        "nostro_account": OUR_NOSTRO,
        "debtor": customer(),
        "creditor": beneficiary(),
        "creditor_agent": Party(name="Commerzbank", bic="COBADEFF"),
    }
    return PaymentInstruction(**facts | changes)


# A message of a bank, put together from strings on purpose: our readers are not to be tested by our own writers.
HEADER = "<GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>2026-11-20T10:00:00Z</CreDtTm></GrpHdr>"


def document(message_type: str, body: str) -> bytes:
    """A message of that type, by the markup inside its document."""
    return f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message_type}">{body}</Document>'.encode()


def interbank_report(transaction: str, group: str = "") -> bytes:
    """A pacs.002 about one payment."""
    return document(
        "pacs.002.001.10", f"<FIToFIPmtStsRpt>{HEADER}{group}<TxInfAndSts>{transaction}</TxInfAndSts></FIToFIPmtStsRpt>"
    )


def customer_report(rest: str, version: str = "10") -> bytes:
    """A pain.002."""
    return document(f"pain.002.001.{version}", f"<CstmrPmtStsRpt>{HEADER}{rest}</CstmrPmtStsRpt>")


def notification(entry: str, version: str = "08") -> bytes:
    """A camt.054 about the account 900100."""
    account = "<Acct><Id><Othr><Id>900100</Id></Othr></Id></Acct>"
    body = f"<BkToCstmrDbtCdtNtfctn>{HEADER}<Ntfctn><Id>1</Id>{account}{entry}</Ntfctn></BkToCstmrDbtCdtNtfctn>"
    return document(f"camt.054.001.{version}", body)


def entry(direction: str, *, status: str = "<Cd>BOOK</Cd>", more: str = "", details: str = "") -> str:
    """10.00 USD on one side of an account."""
    return (
        f'<Ntry><Amt Ccy="USD">10.00</Amt><CdtDbtInd>{direction}</CdtDbtInd>{more}<Sts>{status}</Sts>'
        f"<BookgDt><DtTm>2026-11-20T23:59:00-05:00</DtTm></BookgDt><AcctSvcrRef>REF-1</AcctSvcrRef>{details}</Ntry>"
    )
