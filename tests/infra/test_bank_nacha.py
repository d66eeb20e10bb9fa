"""Nacha files, acknowledgements, BAI2: an independent bank reads what we write, and we believe no damaged file."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mockbank import nacha as independent

from activities.payments.corrections import changes_in
from infra.providers.bank import UnreadableMessage, UnwritableMessage, build_nacha, read_answers
from models.ach import AchInstruction, trace_number
from models.bank import AnswerKind
from tests.factories.counterparty import ACH_COMPANY, ACH_ODFI


def instruction(**changes: Any) -> AchInstruction:
    """A credit of 123.45 USD."""
    facts = {
        "created_at": datetime(2026, 11, 23, 9, tzinfo=UTC), "modifier": "A", "odfi": ACH_ODFI,
        "odfi_name": "Mock Bank",
        "company_id": ACH_COMPANY, "company_name": "Aurum Bank", "effective_on": date(2026, 11, 24),
        "to_company": False,
        "to_savings": False, "receiver_name": "Jürgen Müller", "receiver_routing_number": "021000021",
        "receiver_account": "000123456789", "amount_minor": 12345, "individual_id": "P00000000000001",
        "trace_number": trace_number(ACH_ODFI, 1), "remittance": "Rent",
    }  # fmt: skip
    return AchInstruction(**facts | changes)


@given(
    st.integers(1, 9_999_999_999),
    st.text(min_size=1, max_size=140),
    st.text(max_size=140),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9_999_999),
)
@settings(max_examples=60)
def test_every_payment_is_a_file_in_which_an_independent_reader_finds_no_fault(
    amount: int, name: str, remittance: str, savings: bool, company: bool, number: int
) -> None:
    written = build_nacha(
        instruction(
            amount_minor=amount, receiver_name=name, remittance=remittance, to_savings=savings, to_company=company,
            trace_number=trace_number(ACH_ODFI, number),
        )
    )  # fmt: skip
    file, findings = independent.inspect(written)
    assert [finding for finding in findings if finding.code != "DT01"] == []
    (payment,) = file.batches[0].payments
    assert (payment.amount, payment.end_to_end_id) == (amount, "P00000000000001")
    assert (payment.transaction_code, payment.entry_class) == ("32" if savings else "22", "CCD" if company else "PPD")
    assert file.msg_id == f"{ACH_COMPANY}-2611230900A"


def test_a_wrong_check_digit_is_not_written() -> None:
    with pytest.raises(UnwritableMessage, match="check digit"):
        build_nacha(instruction(receiver_routing_number="021000022"))


def returned(**changes: Any) -> bytes:
    """A return file of the independent bank's."""
    row = {
        "transaction_code": "22", "entry_class": "PPD", "instruction_id": trace_number(ACH_ODFI, 1), "amount": 12345,
        "end_to_end_id": "P00000000000001", "creditor_name": "Jurgen Muller", "creditor_number": "000123456789",
        "creditor_clearing_id": "021000021", "return_reason": "R03",
    }  # fmt: skip
    told: str = independent.return_file(
        ACH_ODFI, {"account_number": ACH_COMPANY, "name": "Aurum Bank"}, [row | changes],
        date(2026, 11, 26), datetime(2026, 11, 26, 9, tzinfo=UTC),
    )  # fmt: skip
    return told.encode()


def test_a_return_says_which_payment_and_why() -> None:
    (answer,) = read_answers(returned()).answers
    assert (answer.kind, answer.end_to_end_id, answer.instruction_id) == (
        AnswerKind.RETURNED, "P00000000000001", "999999990000001",
    )  # fmt: skip
    assert (answer.amount_minor, answer.reason_code, answer.booked_on) == (12345, "R03", date(2026, 11, 26))


def test_a_notification_of_change_is_read() -> None:
    lines = returned(amount=0).decode().splitlines()
    trace = "999999990000001"
    lines[3] = "798C03" + trace + " " * 6 + "02100002" + "026009593 0009998887776".ljust(29) + " " * 15 + trace
    (answer,) = read_answers("\n".join(lines).encode()).answers
    assert (answer.kind, answer.reason_code, answer.reason_text) == (
        AnswerKind.CORRECTED, "C03", "026009593 0009998887776",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "corrected", "changes"),
    [
        ("C01", "0009998887776", {"recipient_account_number": "0009998887776"}),
        ("C02", "026009593", {"recipient_routing_number": "026009593"}),
        ("C02", "026009594", {}),
        ("C05", "32", {"recipient_account_type": "savings"}),
        (
            "C06",
            "0009998887776        32",
            {"recipient_account_number": "0009998887776", "recipient_account_type": "savings"},
        ),
        ("C04", "Somebody Else", {}),
        ("C01", "not an account number", {}),
        ("C99", "?", {}),
        ("C01", "", {}),
    ],
)
def test_what_a_notification_of_change_changes(code: str, corrected: str, changes: dict[str, str]) -> None:
    assert changes_in(code, corrected) == changes


@given(st.integers(0, 900), st.sampled_from("0123456789X "))
@settings(max_examples=80)
def test_a_damaged_return_is_refused_or_says_the_same_amount(position: int, sign: str) -> None:
    content = bytearray(returned())
    position %= len(content)
    content[position] = ord(sign)
    try:
        message = read_answers(bytes(content))
    except UnreadableMessage:
        return
    assert [answer.amount_minor for answer in message.answers] == [12345]


@given(st.sampled_from([b"101", b"01,", b"ACKNOWLEDGEMENT "]), st.binary(max_size=300))
@settings(max_examples=150)
def test_whatever_a_file_holds_it_is_read_or_refused(beginning: bytes, rest: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read_answers(beginning + rest)


def test_a_file_that_is_refused_as_a_whole_is_about_our_file() -> None:
    content = (
        b"ACKNOWLEDGEMENT A-1\nCREATED 2026-11-23T09:00:00+00:00\nFILE 0000009004-2611230900A\nSTATUS RJCT FF01 no\n"
    )
    (answer,) = read_answers(content).answers
    assert (answer.kind, answer.original_message_id, answer.reason_code) == (
        AnswerKind.REJECTED, "0000009004-2611230900A", "FF01",
    )  # fmt: skip
