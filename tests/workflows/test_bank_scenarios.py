"""Every file that mock-bank can send, by what it was told to do: where the wire ends, and the books in balance.

What lies beside the wire is told elsewhere: a statement with a gap in test_reconciliation, silence and late returns
with their clocks in test_wires.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories.bank import HEADER, document
from tests.factories.counterparty import BAD_BANK_ACCOUNT, CLOSED_ACCOUNT
from tests.workflows.conftest import Desk, until
from tests.workflows.test_recalls import hears
from tests.workflows.test_wires import at_the_bank, in_balance, money


@dataclass(frozen=True)
class Scenario:
    """What the bank does, and what becomes of a wire of 1,000.00 USD with a fee of 25.00."""

    ends: str
    reason: str | None = None
    behaviour: str | None = None
    account: str | None = None
    # What the account at the bank has; nothing: more than enough.
    funds: int | None = None
    # What the customer has less of in the end.
    costs: int = 0
    entries: tuple[str, ...] = ()


PAID = ("settlement",)
SCENARIOS = {
    "accept": Scenario("completed", costs=1_025_00, entries=PAID),
    "closed-account": Scenario("failed", "AC04", account=CLOSED_ACCOUNT),
    "bad-bank-id": Scenario("failed", "RC01", account=BAD_BANK_ACCOUNT),
    "insufficient-funds": Scenario("failed", "AM04", behaviour="insufficient-funds", funds=500_00),
    "reject-file": Scenario("failed", "FF01", behaviour="reject-file"),
    "duplicate-file": Scenario("completed", behaviour="duplicate-file", costs=1_025_00, entries=PAID),
    "silent": Scenario("completed", behaviour="silent", costs=1_025_00, entries=PAID),
    "statement-gap": Scenario("completed", behaviour="statement-gap", costs=1_025_00, entries=PAID),
    "return-later": Scenario("returned", "AC04", behaviour="return-later", costs=25_00, entries=("return", *PAID)),
}


def test_every_behaviour_of_the_bank_has_its_scenario(tmp_path: Path) -> None:
    from mockbank.accounts import BEHAVIOURS  # noqa: PLC0415 # the one place that knows them all

    assert set(SCENARIOS) == set(BEHAVIOURS)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
async def test_what_the_bank_does_leads_to_the_right_state(desk: Desk, scenario: Scenario) -> None:
    before, _ = await money(desk)
    if scenario.behaviour is not None:
        desk.bank.behave("USD", scenario.behaviour)
    if scenario.funds is not None:
        desk.bank.has("USD", scenario.funds)
    to = {"recipient_account_number": scenario.account} if scenario.account else {}
    wire_id = await at_the_bank(desk, **to)
    await desk.hear_bank()
    outcome = await desk.process(wire_id).result()
    # The statements and returns of the days after: a wire that has ended moves by money that comes back alone.
    desk.bank.until(desk.bank.today + timedelta(days=8))
    await desk.hear_bank()
    await desk.reaches(wire_id, scenario.ends)
    if scenario.ends != "returned":
        assert (outcome.status, outcome.reason_code) == (scenario.ends, scenario.reason)
    assert await money(desk) == (before - scenario.costs, 0)
    assert await desk.count("bank_answers WHERE applied_at IS NULL") == 0
    assert await desk.count("bank_messages WHERE status = 'quarantined'") == 0
    await in_balance(desk, *(f"wire/{wire_id}/{entry}" for entry in scenario.entries))


async def test_a_file_that_comes_to_the_bank_twice_is_paid_once(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    (order,) = list(desk.bank.outbox.glob("*.xml"))
    again = order.read_bytes()
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    (desk.bank.outbox / "again.xml").write_bytes(again)
    await desk.hear_bank()
    assert await desk.count("bank_answers WHERE reason_code = 'DUPL' AND kind = 'pending'") == 1
    await until(lambda: desk.count("bank_answers WHERE applied_at IS NULL"), lambda open_ones: open_ones == 0)
    assert await desk.status(wire_id) == "completed"
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_a_file_of_the_bank_that_comes_twice_counts_once(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    desk.bank.answer()
    files = {file.name: file.read_bytes() for file in desk.bank.inbox.iterdir()}
    for number in (1, 2):
        for name, content in files.items():
            (desk.bank.inbox / f"{number}-{name}").write_bytes(content)
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()
    assert (await desk.process(wire_id).result()).status == "completed"
    assert list(desk.bank.inbox.iterdir()) == []
    assert await desk.count("bank_messages WHERE direction = 'inbound'") == len(files)
    await in_balance(desk, f"wire/{wire_id}/settlement")


PART = "<OrgnlGrpInfAndSts><OrgnlMsgId>X</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>PART</GrpSts>"


async def test_a_report_that_takes_one_and_refuses_another_is_applied_to_each(desk: Desk) -> None:
    taken, refused = await at_the_bank(desk), await at_the_bank(desk)
    said: Callable[[str, str], str] = lambda reference, status: (  # noqa: E731 # one line of a message
        f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId><TxSts>{status}</TxSts></TxInfAndSts>"
    )
    payments = said(f"W{taken.hex}".upper(), "ACSP") + said(f"W{refused.hex}".upper(), "RJCT")
    batch = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>X</OrgnlPmtInfId>{payments}</OrgnlPmtInfAndSts>"
    await hears(
        desk,
        document("pain.002.001.10", f"<CstmrPmtStsRpt>{HEADER}{PART}</OrgnlGrpInfAndSts>{batch}</CstmrPmtStsRpt>"),
    )
    await desk.reaches(taken, "acknowledged")
    assert (await desk.process(refused).result()).status == "failed"
    await in_balance(desk)


async def test_accepted_in_part_without_saying_which_is_for_a_person(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    whole = PART.replace(">X<", f">AU{wire_id.hex}<")
    await hears(
        desk, document("pain.002.001.10", f"<CstmrPmtStsRpt>{HEADER}{whole}</OrgnlGrpInfAndSts></CstmrPmtStsRpt>")
    )
    assert await desk.count("bank_messages WHERE status = 'quarantined' AND reason LIKE '%accepted in part%'") == 1
    assert await desk.status(wire_id) == "released"
    await in_balance(desk)
