"""A statement as ISO 20022 camt.053.001.08, `BankToCustomerStatement`, the form that bookkeeping programs read."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from models.money import to_decimal
from models.statements.account import Statement, StatementEntry

_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
# What XML 1.0 has no way to write.
_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


async def camt053(
    statement: Statement, pages: AsyncIterator[Sequence[StatementEntry]], *, bank_bic: str, number: int = 1
) -> AsyncIterator[bytes]:
    """The file, piece by piece, in UTF-8. `pages` are the statement's entries in order; `bank_bic` says who we are, and
    `number` which version of the statement this is."""
    zone = ZoneInfo(statement.zone)
    yield _head(statement, bank_bic, number).encode()
    async for page in pages:
        yield "".join(_entry(entry, statement.holder.currency, zone) for entry in page).encode()
    yield b"</Stmt></BkToCstmrStmt></Document>\n"


def _head(statement: Statement, bank_bic: str, number: int) -> str:
    holder = statement.holder
    reference = f"{holder.account_id.hex[-12:]}{statement.first:%y%m%d}{statement.last:%y%m%d}"
    reference += f"V{number}" if number > 1 else ""
    made_at = _written(statement.made_at.astimezone(UTC))
    account = (
        f"<IBAN>{holder.account_number}</IBAN>"
        if _IBAN.fullmatch(holder.account_number)
        else f"<Othr><Id>{_text(holder.account_number, 34)}</Id></Othr>"
    )
    owner = f"<Ownr><Nm>{_text(holder.owner, 140)}</Nm></Ownr>" if holder.owner else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>AU{reference}</MsgId><CreDtTm>{made_at}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{reference}</Id><CreDtTm>{made_at}</CreDtTm>"
        f"<FrToDt><FrDtTm>{_moment(statement.first, time.min, statement.zone)}</FrDtTm>"
        f"<ToDtTm>{_moment(statement.last, time(23, 59, 59), statement.zone)}</ToDtTm></FrToDt>"
        f"<Acct><Id>{account}</Id><Ccy>{holder.currency}</Ccy>{owner}"
        f"<Svcr><FinInstnId><BICFI>{bank_bic}</BICFI></FinInstnId></Svcr></Acct>"
        + _balance("OPBD", statement.opening_minor, statement.first, holder.currency)
        + _balance("CLBD", statement.closing_minor, statement.last, holder.currency)
        + _summary(statement)
    )


def _moment(day: date, clock: time, zone: str) -> str:
    return _written(datetime.combine(day, clock, ZoneInfo(zone)))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _balance(kind: str, minor: int, day: date, currency: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount(minor, currency)}"
        f"<CdtDbtInd>{_side(minor)}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def _summary(statement: Statement) -> str:
    currency = statement.holder.currency
    count = statement.credit_count + statement.debit_count
    both = to_decimal(statement.credit_minor - statement.debit_minor, currency)
    net = statement.credit_minor + statement.debit_minor
    return (
        f"<TxsSummry><TtlNtries><NbOfNtries>{count}</NbOfNtries><Sum>{both:f}</Sum>"
        f"<TtlNetNtry><Amt>{to_decimal(abs(net), currency):f}</Amt><CdtDbtInd>{_side(net)}</CdtDbtInd></TtlNetNtry>"
        "</TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{statement.credit_count}</NbOfNtries>"
        f"<Sum>{to_decimal(statement.credit_minor, currency):f}</Sum></TtlCdtNtries>"
        f"<TtlDbtNtries><NbOfNtries>{statement.debit_count}</NbOfNtries>"
        f"<Sum>{to_decimal(-statement.debit_minor, currency):f}</Sum></TtlDbtNtries></TxsSummry>\n"
    )


def _entry(entry: StatementEntry, currency: str, zone: ZoneInfo) -> str:
    # The entry's own reference tells the legs of one transaction on one account apart.
    told = _text(entry.description, 500)
    more = f"<AddtlNtryInf>{told}</AddtlNtryInf>" if told else ""
    side = f"<CdtDbtInd>{_side(entry.amount_minor)}</CdtDbtInd>"
    amount = _amount(entry.amount_minor, currency)
    return (
        f"<Ntry><NtryRef>{entry.version}</NtryRef>{amount}{side}<Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{entry.booked_at.astimezone(zone).date()}</Dt></BookgDt>"
        f"<ValDt><Dt>{entry.value_date}</Dt></ValDt><AcctSvcrRef>{entry.transaction_id.hex}</AcctSvcrRef>"
        f"<BkTxCd><Prtry><Cd>{_text(entry.kind, 35)}</Cd><Issr>Aurum</Issr></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><AcctSvcrRef>{entry.transaction_id.hex}</AcctSvcrRef></Refs>{amount}{side}"
        f"</TxDtls></NtryDtls>{more}</Ntry>\n"
    )


def _amount(minor: int, currency: str) -> str:
    return f'<Amt Ccy="{currency}">{to_decimal(abs(minor), currency):f}</Amt>'


def _side(minor: int) -> str:
    return "CRDT" if minor >= 0 else "DBIT"


def _text(value: str, limit: int) -> str:
    return escape(_UNWRITABLE.sub("", value).strip()[:limit].strip())
