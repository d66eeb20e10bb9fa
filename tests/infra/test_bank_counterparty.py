"""The whole way: our files through the channel to mock-bank, and every message of its own read as it means it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from infra.providers.bank import build_pacs008, build_pain001
from models.bank import AnswerKind, EntryDirection, Party
from tests.factories.bank import OUR_NOSTRO, beneficiary, instruction
from tests.infra.mock_bank import MockBank, mock_bank

CLOSED_ACCOUNT = "NL84MOCK0000000003"


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[MockBank]:
    with mock_bank(tmp_path) as running:
        yield running


class TestMockBank:
    async def test_a_payment_is_accepted_and_then_booked(self, bank: MockBank) -> None:
        bank.open_account()
        payment = instruction()

        await bank.send("one.xml", build_pain001(payment))
        accepted = await bank.answer(AnswerKind.ACCEPTED, "pain.002.001.10")
        bank.pass_days(1)
        booked = await bank.answer(AnswerKind.BOOKED, "camt.054.001.08")

        assert (accepted.original_message_id, accepted.end_to_end_id) == (payment.message_id, payment.end_to_end_id)
        assert accepted.instruction_id == payment.instruction_id
        assert accepted.status == "ACCP"
        assert (booked.original_message_id, booked.end_to_end_id) == (payment.message_id, payment.end_to_end_id)
        assert (booked.amount_minor, booked.currency) == (100_000, "USD")
        assert booked.direction is EntryDirection.DEBIT
        assert booked.account == OUR_NOSTRO
        assert booked.booked_on == date(2026, 11, 20)

    async def test_the_statement_of_the_day_has_the_entry_and_the_balances(self, bank: MockBank) -> None:
        bank.open_account()
        await bank.send("one.xml", build_pain001(instruction()))
        bank.pass_days(1)

        statements = [m for m in await bank.messages() if m.message_type == "camt.053.001.08" and m.answers]

        (statement,) = statements
        (entry,) = statement.answers
        assert entry.kind is AnswerKind.STATEMENT_ENTRY
        assert (entry.end_to_end_id, entry.amount_minor, entry.direction) == (
            "WIRE-000001",
            100_000,
            EntryDirection.DEBIT,
        )
        assert {(b.kind, b.amount_minor, b.currency) for b in statement.balances} == {
            ("OPBD", 10**9, "USD"),
            ("CLBD", 10**9 - 100_000, "USD"),
        }

    async def test_a_closed_account_is_rejected(self, bank: MockBank) -> None:
        bank.open_account()
        payment = instruction(
            creditor=beneficiary(account=CLOSED_ACCOUNT), creditor_agent=Party(name="Mock", bic="MOCKNL2A")
        )

        await bank.send("closed.xml", build_pain001(payment))
        rejected = await bank.answer(AnswerKind.REJECTED, "pain.002.001.10")

        assert rejected.end_to_end_id == payment.end_to_end_id
        assert rejected.reason_code == "AC04"
        assert "closed" in (rejected.reason_text or "")

    async def test_a_file_that_came_before_is_rejected_as_a_whole_and_known_as_such(self, bank: MockBank) -> None:
        bank.open_account()
        content = build_pain001(instruction())
        await bank.send("one.xml", content)
        await bank.answer(AnswerKind.ACCEPTED, "pain.002.001.10")

        await bank.send("again.xml", content)
        duplicate = await bank.answer(AnswerKind.REJECTED, "pain.002.001.10")

        assert duplicate.reason_code == "DUPL"
        assert duplicate.original_message_id == instruction().message_id
        assert duplicate.end_to_end_id is None

    async def test_a_payment_comes_back_days_later(self, bank: MockBank) -> None:
        bank.open_account(behaviour="return-later", parameters={"days": 2, "reason": "MD07"})
        await bank.send("one.xml", build_pain001(instruction()))
        bank.pass_days(10)
        messages = await bank.messages()

        answers = {(m.message_type, a.kind): a for m in messages for a in m.answers}
        notice = answers["pacs.004.001.09", AnswerKind.RETURNED]
        credit = answers["camt.054.001.08", AnswerKind.RETURNED]
        assert answers["camt.054.001.08", AnswerKind.BOOKED].end_to_end_id == "WIRE-000001"
        for answer in (notice, credit):
            assert answer.end_to_end_id == "WIRE-000001"
            assert answer.original_message_id == instruction().message_id
            assert (answer.amount_minor, answer.currency, answer.reason_code) == (100_000, "USD", "MD07")
        assert notice.original_amount_minor == 100_000
        assert credit.direction is EntryDirection.CREDIT
        assert notice.bank_reference == credit.bank_reference

    async def test_a_file_that_the_bank_cannot_read_is_rejected_without_a_name(self, bank: MockBank) -> None:
        await bank.send("rubbish.xml", b"<rubbish/>")
        rejected = await bank.answer(AnswerKind.REJECTED, "pain.002.001.10")

        assert rejected.reason_code == "FF01"
        assert rejected.original_message_id is None
        assert "rubbish.xml" in (rejected.reason_text or "")

    async def test_our_swift_messages_are_not_for_this_bank_and_it_says_so(self, bank: MockBank) -> None:
        bank.open_account()

        await bank.send("swift.xml", build_pacs008(instruction()))

        assert (await bank.answer(AnswerKind.REJECTED, "pain.002.001.10")).reason_code == "FF01"

    async def test_money_from_somebody_else_is_no_return(self, bank: MockBank) -> None:
        bank.open_account()
        credit = {"account": "AURUM", "amount": 5_000, "currency": "USD", "debtor": {"name": "Somebody"}}
        bank.http.post("/_mock/credits", json=credit).raise_for_status()

        received = await bank.answer(AnswerKind.RECEIVED, "camt.054.001.08")

        assert (received.amount_minor, received.end_to_end_id) == (5_000, None)

    @pytest.mark.parametrize(
        "behaviour", ["reject-file", "insufficient-funds", "bad-bank-id", "silent", "statement-gap"]
    )
    async def test_every_message_of_every_behaviour_can_be_read(self, bank: MockBank, behaviour: str) -> None:
        bank.open_account(behaviour=behaviour, balance=150_000)
        for number in (1, 2):
            await bank.send(f"{number}.xml", build_pain001(instruction(number)))
        bank.pass_days(3)

        answers = [answer for message in await bank.messages() for answer in message.answers]

        reasons = {answer.reason_code for answer in answers if answer.kind is AnswerKind.REJECTED}
        assert reasons <= {"FF01", "AM04", "RC01"}
        assert behaviour == "silent" or answers
