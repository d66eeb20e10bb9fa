"""Statements of the bank as it would write them, about our USD account there."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import Entry, InternalPurpose, Leg
from models.tables import ledger
from tests.factories.bank import HEADER, document
from tests.factories.counterparty import NOSTRO

MONDAY = date(2026, 11, 23)
# What our account at the bank opened with, in the statements of these tests.
OPENING = 1_000_000


def line(
    minor: int,
    *,
    day: date = MONDAY,
    reference: str | None = None,
    bank_reference: str | None = None,
    status: str = "BOOK",
) -> str:
    """An entry; `minor` below zero is a debit."""
    named = f"<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls>"
    servicer = f"<AcctSvcrRef>{bank_reference}</AcctSvcrRef>" if bank_reference else ""
    return (
        f'<Ntry><Amt Ccy="USD">{abs(minor) / 100:.2f}</Amt><CdtDbtInd>{"CRDT" if minor > 0 else "DBIT"}</CdtDbtInd>'
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>{servicer}"
        "<BkTxCd><Prtry><Cd>TRF</Cd></Prtry></BkTxCd>"
        f"{named if reference else ''}</Ntry>"
    )


def statement(
    *lines: str,
    number: int = 1,
    day: date = MONDAY,
    opening: int = OPENING,
    closing: int = OPENING,
    account: str = NOSTRO["USD"],
    name: str | None = None,
    more: str = "",
) -> bytes:
    """A camt.053. The caller says what it opens and closes with, right or wrong."""

    def balance(code: str, minor: int) -> str:
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="USD">{abs(minor) / 100:.2f}</Amt>'
            f"<CdtDbtInd>{'CRDT' if minor >= 0 else 'DBIT'}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )

    return document(
        "camt.053.001.08",
        f"<BkToCstmrStmt>{HEADER}<Stmt><Id>{name or f'S-{day.year}-{number}'}</Id>{more}"
        f"<ElctrncSeqNb>{number}</ElctrncSeqNb>"
        f"<CreDtTm>2026-11-24T01:00:00Z</CreDtTm><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>USD</Ccy></Acct>"
        f"{balance('OPBD', opening)}{balance('CLBD', closing)}{''.join(lines)}</Stmt></BkToCstmrStmt>",
    )


async def booked(engine: AsyncEngine, minor: int, *, day: date = MONDAY, key: str | None = None) -> UUID:
    """We book `minor` on our nostro account, seen from the bank: below zero it is debited. The entry's id."""
    async with transaction(engine) as session:
        nostro = await ledger.internal_account(session, InternalPurpose.NOSTRO, "USD")
        clearing = await ledger.internal_account(session, InternalPurpose.CLEARING, "USD")
        posted = await ledger.post_one(
            session,
            Entry(
                key=key or f"test/{uuid4()}",
                kind="test",
                currency="USD",
                amount_minor=abs(minor),
                legs=(Leg(account_id=nostro, amount_minor=-minor), Leg(account_id=clearing, amount_minor=minor)),
                value_date=day,
            ),
        )
    return posted.transaction_id
