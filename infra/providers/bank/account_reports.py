"""camt.054 and camt.053: what was booked on our account at the bank."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from infra.providers.bank.received import Part
from infra.providers.bank.status_reports import reason_text
from models.bank import (
    AnswerKind,
    BankAnswer,
    BankStatement,
    EntryDirection,
    ParsedMessage,
    StatementBalance,
    UnreadableMessage,
)

_DIRECTIONS: Final = {"CRDT": EntryDirection.CREDIT, "DBIT": EntryDirection.DEBIT}


def read_notification(message_type: str, document: Part) -> ParsedMessage:
    """A camt.054: an answer per payment in every entry. `UnreadableMessage` where no amount is."""
    report = document.needed("BkToCstmrDbtCdtNtfctn")
    answers = [answer for notice in report.parts("Ntfctn") for answer in _entries(notice, statement=False)]
    return _message(message_type, report, answers)


def read_statement(message_type: str, document: Part) -> ParsedMessage:
    """A camt.053: whole statements with their balances, and an answer of kind `statement_entry` per payment in every
    entry. `UnreadableMessage` for a page of a statement: what it adds up to is not in it."""
    report = document.needed("BkToCstmrStmt")
    written_on = report.needed("GrpHdr").moment("CreDtTm").date()
    statements = [_statement(one, written_on) for one in report.parts("Stmt")]
    answers = [answer for statement in statements for answer in statement.entries]
    balances = [_balance(statement, one) for statement in report.parts("Stmt") for one in statement.parts("Bal")]
    return _message(message_type, report, answers, balances, statements)


def _message(
    message_type: str,
    report: Part,
    answers: list[BankAnswer],
    balances: Sequence[StatementBalance] = (),
    statements: Sequence[BankStatement] = (),
) -> ParsedMessage:
    header = report.needed("GrpHdr")
    return ParsedMessage(
        message_type=message_type,
        message_id=header.needed_text("MsgId"),
        created_at=header.moment("CreDtTm"),
        answers=tuple(answers),
        balances=tuple(balances),
        statements=tuple(statements),
    )


def _statement(statement: Part, written_on: date) -> BankStatement:
    page = statement.part("StmtPgntn")
    if page is not None and (page.text("PgNb"), page.text("LastPgInd")) not in {("1", "true"), ("1", "1")}:
        raise UnreadableMessage(f"{page.path}: it is a page of a statement, and only whole statements are read")
    number = statement.text("ElctrncSeqNb", "LglSeqNb")
    if number is not None and not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise UnreadableMessage(f"{statement.path}/ElctrncSeqNb is not a number")
    entries = _entries(statement, statement=True)
    balances = {one.kind: one for one in (_balance(statement, one) for one in statement.parts("Bal"))}
    opening, closing = balances.get("OPBD") or balances.get("PRCD"), balances.get("CLBD")
    currencies = [one.currency for one in (closing, opening, *entries) if one is not None]
    currency = statement.text("Acct/Ccy") or next(filter(None, currencies), None)
    if currency is None or set(currencies) - {currency}:
        raise UnreadableMessage(f"{statement.path} does not say in which one currency it is")
    return BankStatement(
        account=_account(statement),
        statement_id=statement.needed_text("Id"),
        sequence=None if number is None else int(number),
        currency=currency,
        day=closing.day if closing else written_on,
        opening_minor=opening.amount_minor if opening else None,
        closing_minor=closing.amount_minor if closing else None,
        entries=tuple(entries),
    )


def _account(report: Part) -> str:
    account = report.text("Acct/Id/IBAN", "Acct/Id/Othr/Id")
    if account is None:
        raise UnreadableMessage(f"{report.path}/Acct does not say which account")
    return account


def _direction(entry: Part) -> EntryDirection:
    indicator = entry.needed_text("CdtDbtInd")
    if indicator not in _DIRECTIONS:
        raise UnreadableMessage(f"{entry.path}/CdtDbtInd is {indicator[:35]}, neither CRDT nor DBIT")
    return _DIRECTIONS[indicator]


def _entries(report: Part, *, statement: bool) -> list[BankAnswer]:
    account = _account(report)
    answers: list[BankAnswer] = []
    for entry in report.parts("Ntry"):
        payments = entry.parts("NtryDtls/TxDtls")
        alone = len(payments) < 2
        # An entry without details is still money that moved; a person has to see it.
        answers += [
            _answer(account, entry, payment, alone=alone, statement=statement) for payment in payments or [entry]
        ]
    return answers


def _answer(account: str, entry: Part, payment: Part, *, alone: bool, statement: bool) -> BankAnswer:
    amount = payment.amount("Amt", "AmtDtls/TxAmt/Amt")
    # The amount of a payment may be in the currency it was ordered in; what an entry changes its account by is its own.
    if alone and (statement or amount is None):
        amount = entry.amount("Amt")
    if amount is None:
        raise UnreadableMessage(f"{payment.path} does not say its amount")
    direction = _direction(payment if payment.part("CdtDbtInd") is not None else entry)
    # Before version 08 the status was the text of the element itself.
    status = entry.text("Sts/Cd", "Sts/Prtry", "Sts")
    returned = payment.part("RtrInf") is not None or entry.text("RvslInd") in {"true", "1"}
    kind = AnswerKind.STATEMENT_ENTRY if statement else _kind(direction, status, returned=returned)
    return BankAnswer(
        kind=kind,
        original_message_id=payment.reference("Refs/MsgId"),
        instruction_id=payment.reference("Refs/InstrId"),
        end_to_end_id=payment.reference("Refs/EndToEndId"),
        uetr=payment.uetr("Refs/UETR"),
        amount_minor=amount[0],
        currency=amount[1],
        direction=direction,
        account=account,
        status=status,
        reason_code=payment.text("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        reason_text=reason_text(payment.parts("RtrInf")),
        booked_on=entry.day("BookgDt"),
        value_on=entry.day("ValDt"),
        bank_reference=entry.reference("AcctSvcrRef") or payment.reference("Refs/AcctSvcrRef"),
    )


def _kind(direction: EntryDirection, status: str | None, *, returned: bool) -> AnswerKind:
    if status != "BOOK":
        return AnswerKind.PENDING
    if direction is EntryDirection.DEBIT:
        return AnswerKind.TAKEN_BACK if returned else AnswerKind.BOOKED
    return AnswerKind.RETURNED if returned else AnswerKind.RECEIVED


def _balance(statement: Part, balance: Part) -> StatementBalance:
    amount, day = balance.amount("Amt"), balance.day("Dt")
    if amount is None or day is None:
        raise UnreadableMessage(f"{balance.path} has no amount or no date")
    sign = 1 if _direction(balance) is EntryDirection.CREDIT else -1
    kind = balance.text("Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry")
    if kind is None:
        raise UnreadableMessage(f"{balance.path}/Tp does not say which balance it is")
    return StatementBalance(
        account=_account(statement), kind=kind, amount_minor=sign * amount[0], currency=amount[1], day=day
    )
