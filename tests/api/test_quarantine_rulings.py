"""Files that nobody could match, or that break their schema: two people say what they are, and the reader does it."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables.wires import Wire
from tests.api.test_console import _csrf as csrf_in
from tests.api.test_console import _sign_in as sign_in_at_console
from tests.api.test_console import browser
from tests.api.test_quarantine import QUARANTINE, Desk, desk
from tests.factories import payments as pay
from tests.factories.auth import signed_in
from tests.factories.bank import entry, interbank_report, notification
from tests.factories.damage import damage
from tests.factories.users import Person, add_officer
from tests.factories.wires import People, ordered, people

__all__ = ["browser", "desk"]


@dataclass
class Two:
    """Two of operations, and a wire that is at the bank."""

    desk: Desk
    maker: Person
    checker: Person
    makers: dict[str, str]
    checkers: dict[str, str]
    wire: Wire
    people: People

    async def ask(self, file: dict[str, Any], act: str, headers: dict[str, str], **body: Any) -> Response:
        """One of them acts."""
        return await self.desk.client.post(f"{QUARANTINE}/{file['id']}/{act}", json=body or None, headers=headers)

    async def proposes(self, file: dict[str, Any], **changes: Any) -> Response:
        """The maker says that the file is about the wire."""
        body = {"wire_id": str(self.wire.id), "reason": "amount and day agree"} | changes
        return await self.ask(file, "assign", self.makers, **body)

    async def answers(self) -> list[tuple[Any, ...]]:
        """What the bank is known to have said."""
        async with transaction(self.desk.reader._engine) as session:
            rows = await session.execute(text("SELECT wire_id, kind, applied_at FROM bank_answers ORDER BY id"))
            return [tuple(row) for row in rows]


_CODE = "<BkTxCd><Prtry><Cd>OTHR</Cd></Prtry></BkTxCd>"


def of(reference: str, amount: str = "1000.00") -> str:
    """One payment of an entry."""
    return (
        f"<TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs>"
        f'<Amt Ccy="USD">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>'
    )


def debit(amount: str = "1000.00", more: str = "") -> bytes:
    """A notification that our account was debited, with a reference that names nothing."""
    details = f"{_CODE}<NtryDtls>{of('CUT-OFF', amount)}</NtryDtls>"
    return notification(entry("DBIT", more=more, details=details)).replace(b">10.00<", f">{amount}<".encode())


@pytest.fixture
async def two(desk: Desk, app: FastAPI, owner_engine: AsyncEngine, api_engine: AsyncEngine) -> Two:
    everybody: People = await people(owner_engine)
    wire = await ordered(api_engine, everybody)
    await damage(owner_engine, f"UPDATE wire_transfers SET status = 'released' WHERE id = '{wire.id}'")
    maker, checker = await add_officer(owner_engine, "operations"), await add_officer(owner_engine, "operations")
    headers = [await signed_in(app, owner_engine, one) for one in (maker, checker)]
    return Two(desk, maker, checker, headers[0], headers[1], wire, everybody)


async def test_two_people_assign_a_file_and_it_counts_as_if_it_had_matched(two: Two, owner_engine: AsyncEngine) -> None:
    file = await two.desk.arrives(debit())
    proposed = await two.proposes(file)
    assert proposed.status_code == 200, proposed.text
    (answer,), (ruling,) = proposed.json()["answers"], proposed.json()["rulings"]
    assert (answer["kind"], answer["end_to_end_id"], answer["amount"], answer["matched"]) == (
        "booked", "CUT-OFF", 1000.0, False,
    )  # fmt: skip
    assert (ruling["status"], ruling["proposed_by"]) == ("proposed", str(two.maker.id))
    assert await two.desk.reader.read_waiting() == 0
    assert await two.answers() == []

    confirmed = await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "to_read_again")
    assert await two.desk.reader.read_waiting() == 1

    assert await two.answers() == [(two.wire.id, "booked", None)]
    assert await two.desk.files() == []
    async with transaction(owner_engine) as session:
        woken = await session.execute(
            text("SELECT count(*) FROM outbox WHERE workflow_id = :id"), {"id": f"wire/{two.wire.id}"}
        )
        told = await session.execute(
            text("SELECT data FROM wire_events WHERE event = 'bank_answer_assigned' AND wire_id = :id"),
            {"id": two.wire.id},
        )
        status = await session.execute(text("SELECT status FROM quarantine_rulings"))
        audited = await session.execute(
            text("SELECT action, user_id FROM audit_logs WHERE resource_type = 'bank_message' ORDER BY id")
        )
    assert (woken.scalar_one(), status.scalar_one()) == (2, "applied")
    assert told.scalar_one() == {"message_id": file["id"], "kind": "booked", "proposed_by": str(two.maker.id)}
    assert [row.action.rsplit(".", 1)[-1] for row in audited] == ["propose_assignment", "confirm_ruling"]


async def test_nobody_confirms_their_own_word_and_may_take_it_back(two: Two) -> None:
    file = await two.desk.arrives(debit())
    ruling = (await two.proposes(file)).json()["rulings"][0]
    own = await two.ask(file, f"rulings/{ruling['id']}/confirm", two.makers)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    again = await two.proposes(file)
    assert (again.status_code, again.json()["code"]) == (409, "ruling_open")
    assert (await two.desk.act(file, "dismiss")).json()["code"] == "wrong_state"
    taken_back = await two.ask(file, f"rulings/{ruling['id']}/refuse", two.makers, reason="the other one")
    assert taken_back.json()["rulings"][0]["status"] == "refused"
    assert (await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)).json()["code"] == "wrong_state"
    assert (await two.proposes(file)).status_code == 200
    assert await two.answers() == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (debit("999.99"), "1,000.00 USD went to it"),
        (debit().replace(b'"USD"', b'"EUR"'), "1,000.00 EUR"),
        (debit().replace(b"DBIT", b"CRDT"), "the bank cannot say returned of it"),
        (debit(more="<RvslInd>true</RvslInd>"), "does nothing to a wire"),
        (interbank_report("<OrgnlEndToEndId>X1</OrgnlEndToEndId><TxSts>RJCT</TxSts>"), None),
    ],
    ids=["amount", "currency", "direction", "kind", "fits"],
)
async def test_what_the_message_carries_is_checked(two: Two, content: bytes, says: str | None) -> None:
    file = await two.desk.arrives(content)
    answered = await two.proposes(file)
    if says is None:
        assert answered.status_code == 200, answered.text
        return
    assert (answered.status_code, answered.json()["code"]) == (400, "answer_does_not_fit"), answered.text
    assert says in answered.json()["detail"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (debit("100.00").replace(b'"USD"', b'"EUR"'), None),
        (debit("100.01").replace(b'"USD"', b'"EUR"'), "100.00 EUR went to it"),
        (debit("100.00"), "100.00 USD"),
        (debit("100.00").replace(b'"USD"', b'"EUR"').replace(b"DBIT", b"CRDT"), "the bank cannot say returned of it"),
    ],
    ids=["fits", "amount", "currency", "direction"],
)
async def test_an_answer_can_be_about_a_payment(
    two: Two, api_engine: AsyncEngine, owner_engine: AsyncEngine, content: bytes, says: str | None
) -> None:
    paid = await pay.ordered(api_engine, two.people, pay.sepa_order(two.people))
    await damage(owner_engine, f"UPDATE payments SET status = 'released' WHERE id = '{paid.id}'")
    file = await two.desk.arrives(content)
    named = {"payment_id": str(paid.id), "wire_id": None}
    both = await two.proposes(file, payment_id=str(paid.id))
    assert both.status_code == 422
    answered = await two.proposes(file, **named)
    if says is not None:
        assert (answered.status_code, answered.json()["code"]) == (400, "answer_does_not_fit"), answered.text
        assert says in answered.json()["detail"]
        return
    (ruling,) = answered.json()["rulings"]
    assert (ruling["payment_id"], ruling["wire_id"]) == (str(paid.id), None)
    assert (await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)).status_code == 200
    assert await two.desk.reader.read_waiting() == 1
    async with transaction(owner_engine) as session:
        said = await session.execute(text("SELECT payment_id, wire_id, kind FROM bank_answers"))
        assert tuple(said.one()) == (paid.id, None, "booked")
        told = await session.execute(
            text("SELECT data ->> 'proposed_by' FROM payment_events WHERE event = 'bank_answer_assigned'")
        )
        assert told.scalar_one() == str(two.maker.id)
        woken = await session.execute(
            text("SELECT count(*) FROM outbox WHERE workflow_id = :id"), {"id": f"payment/{paid.id}"}
        )
        assert woken.scalar_one() == 2


async def test_nobody_rules_about_a_payment_of_their_own(
    two: Two, api_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    paid = await pay.ordered(api_engine, two.people, pay.sepa_order(two.people))
    await damage(
        owner_engine, f"UPDATE payments SET status = 'released', user_id = '{two.maker.id}' WHERE id = '{paid.id}'"
    )
    file = await two.desk.arrives(debit("100.00").replace(b'"USD"', b'"EUR"'))
    own = await two.proposes(file, payment_id=str(paid.id), wire_id=None)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert (await two.proposes(file, payment_id=str(uuid4()), wire_id=None)).status_code == 404
    with pytest.raises(DBAPIError, match="an order of their own"):
        async with transaction(owner_engine) as session:
            await session.execute(
                text(
                    "INSERT INTO quarantine_rulings (message_id, ruling, position, payment_id, reason, proposed_by)"
                    " SELECT message_id, 'assign', position, :payment, 'it is mine', :maker FROM quarantined_answers"
                ),
                {"payment": paid.id, "maker": two.maker.id},
            )


async def test_what_is_not_there_is_not_found(two: Two) -> None:
    file = await two.desk.arrives(debit())
    assert (await two.proposes(file, wire_id=str(uuid4()))).status_code == 404
    assert (await two.proposes(file, position=7)).status_code == 404
    assert (await two.proposes({"id": str(uuid4())})).status_code == 404
    assert (await two.ask(file, f"rulings/{uuid4()}/confirm", two.checkers)).status_code == 404
    assert (await two.ask(file, "read-as-is", two.makers, reason="why not")).json()["code"] == "refused"


async def test_a_file_of_two_is_assigned_answer_by_answer(two: Two, owner_engine: AsyncEngine) -> None:
    both = f"{_CODE}<NtryDtls>{of(two.wire.end_to_end_id)}{of('CUT')}</NtryDtls>"
    file = await two.desk.arrives(notification(entry("DBIT", details=both)))
    assert await two.answers() == [(two.wire.id, "booked", None)]
    assert (await two.proposes(file)).json()["code"] == "wrong_state"
    ruling = (await two.proposes(file, position=1)).json()["rulings"][0]
    await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)
    assert await two.desk.reader.read_waiting() == 1
    assert await two.answers() == [(two.wire.id, "booked", None), (two.wire.id, "booked", None)]


async def test_a_file_that_names_another_order_by_now_is_weighed_again(
    two: Two, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    file = await two.desk.arrives(debit())
    ruling = (await two.proposes(file)).json()["rulings"][0]
    await damage(
        owner_engine,
        "INSERT INTO bank_messages (direction, message_type, message_id, file_name, sha256, content, status, wire_id)"
        f" VALUES ('outbound', 'x', 'CUT-OFF', 'x', sha256('x'), 'x', 'sent', '{two.wire.id}')",
    )
    other = await ordered(api_engine, await people(owner_engine, listed=False))
    await damage(owner_engine, f"UPDATE wire_transfers SET end_to_end_id = 'CUT-OFF' WHERE id = '{other.id}'")
    await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)
    assert await two.desk.reader.read_waiting() == 0
    (waiting,) = await two.desk.files()
    assert waiting["status"] == "quarantined"
    seen = await two.desk.client.get(f"{QUARANTINE}/{file['id']}", headers=two.makers)
    assert seen.json()["rulings"][0]["status"] == "void"
    assert await two.answers() == []


async def test_a_file_that_breaks_its_schema_is_read_as_it_is_when_two_say_so(two: Two) -> None:
    twice = f"<OrgnlEndToEndId>{two.wire.end_to_end_id}</OrgnlEndToEndId><TxSts>ACSP</TxSts><TxSts>ACSP</TxSts>"
    file = await two.desk.arrives(interbank_report(twice))
    assert (file["message_type"], file["readable_as_is"]) == ("unreadable", True)
    assert "no valid pacs.002.001.10" in file["reason"]
    assert (await two.proposes(file)).json()["code"] == "refused"
    proposed = await two.ask(file, "read-as-is", two.makers, reason="the bank says it twice")
    assert proposed.status_code == 200, proposed.text
    assert proposed.json()["answers"][0]["end_to_end_id"] == two.wire.end_to_end_id
    ruling = proposed.json()["rulings"][0]
    own = await two.ask(file, f"rulings/{ruling['id']}/confirm", two.makers)
    assert own.json()["code"] == "four_eyes"
    # What one person can do alone does not read it.
    assert (await two.desk.act(file, "read-again")).status_code == 200
    assert await two.desk.reader.read_waiting() == 0
    assert await two.answers() == []
    confirmed = await two.ask(file, f"rulings/{ruling['id']}/confirm", two.checkers)
    assert confirmed.status_code == 200, confirmed.text
    assert await two.desk.reader.read_waiting() == 1
    assert await two.answers() == [(two.wire.id, "accepted", None)]
    assert await two.desk.files() == []


async def test_one_that_cannot_be_read_at_all_stays(two: Two) -> None:
    file = await two.desk.arrives(b"<a")
    assert file["readable_as_is"] is False
    assert (await two.ask(file, "read-as-is", two.makers, reason="please")).json()["code"] == "refused"


@pytest.mark.parametrize("preset", ["compliance_officer", "auditor"])
async def test_nobody_but_operations_rules(two: Two, app: FastAPI, owner_engine: AsyncEngine, preset: str) -> None:
    file = await two.desk.arrives(debit())
    ruling = (await two.proposes(file)).json()["rulings"][0]
    others = await signed_in(app, owner_engine, await add_officer(owner_engine, preset))
    for path in ("assign", "read-as-is", f"rulings/{ruling['id']}/confirm", f"rulings/{ruling['id']}/refuse"):
        body = {"reason": "because", **({"wire_id": str(two.wire.id)} if path == "assign" else {})}
        assert (await two.ask(file, path, others, **body)).status_code == 403
    assert (await two.desk.client.get(f"{QUARANTINE}/{file['id']}", headers=others)).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE quarantine_rulings SET status = 'confirmed', decided_by = proposed_by, decided_at = now()",
        "UPDATE quarantine_rulings SET reason = 'another'",
        "DELETE FROM quarantine_rulings",
        "UPDATE quarantine_rulings SET position = NULL",
    ],
)
async def test_the_database_holds_them_to_it(two: Two, owner_engine: AsyncEngine, change: str) -> None:
    await two.proposes(await two.desk.arrives(debit()))
    with pytest.raises(DBAPIError):
        async with transaction(owner_engine) as session:
            await session.execute(text(change))


async def test_the_second_person_confirms_in_the_console(
    two: Two, browser: AsyncClient, owner_engine: AsyncEngine
) -> None:
    file = await two.desk.arrives(debit(), "<b>strange.xml")
    await two.proposes(file)
    await sign_in_at_console(browser, two.checker)
    assert "&lt;b&gt;strange.xml" in (await browser.get("/console/quarantine")).text
    here = f"/console/quarantine/{file['id']}"
    shown = await browser.get(here)
    assert "CUT-OFF" in shown.text
    (confirm,) = re.findall(r'action="([^"]+/confirm)"', shown.text)
    assert (await browser.post(confirm, data={"csrf": csrf_in(shown)})).status_code == 303
    assert "to read again" in (await browser.get(here)).text
    assert await two.desk.reader.read_waiting() == 1
    assert await two.answers() == [(two.wire.id, "booked", None)]


async def test_a_proposal_is_made_in_the_console(two: Two, browser: AsyncClient) -> None:
    file = await two.desk.arrives(debit())
    await sign_in_at_console(browser, two.maker)
    here = f"/console/quarantine/{file['id']}"
    form = {"csrf": csrf_in(await browser.get(here)), "position": "0", "reason": "amount and day agree"}
    proposed = await browser.post(f"{here}/assign", data=form | {"wire_id": str(two.wire.id)})
    assert proposed.status_code == 303, proposed.text
    shown = await browser.get(here)
    assert ("Take back" in shown.text, "/confirm" in shown.text) == (True, False)
