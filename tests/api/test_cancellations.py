"""What other banks ask back, by HTTP and in the console: who sees it, who answers, and what is no answer."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.providers.bank import build_camt056, build_pacs028
from models.bank_requests import StatusRequest
from tests.api.test_console import _csrf as csrf_in
from tests.api.test_console import _sign_in as sign_in_at_console
from tests.api.test_console import browser
from tests.api.test_quarantine import Desk, desk
from tests.factories.auth import signed_in
from tests.factories.damage import damage
from tests.factories.users import Person, add_customer, add_officer
from tests.infra.test_bank_schemas import request as asked_back

__all__ = ["browser", "desk"]
CASES = "/api/v1/admin/cancellations"
REFUSAL = {"outcome": "RJCR", "reason_code": "NOOR", "reason": "no such payment came"}


async def opened(desk: Desk) -> dict[str, Any]:
    """A bank asks for a payment back; the case as operations see it."""
    content = build_camt056(asked_back(sender="MOCKNL2A", receiver="AURUNL2A", comment="Paid twice"), header=False)
    (desk.inbox / "request.xml").write_bytes(content)
    assert await desk.reader.read_waiting() == 1
    (case,) = (await desk.client.get(CASES, headers=desk.headers)).json()["data"]
    told: dict[str, Any] = case
    return told


async def act(desk: Desk, case: dict[str, Any], path: str, headers: dict[str, str], **body: Any) -> Response:
    """Somebody acts about a case."""
    return await desk.client.post(f"{CASES}/{case['id']}/{path}", json=body or None, headers=headers)


@pytest.fixture
async def officer(app: FastAPI, owner_engine: AsyncEngine) -> tuple[Person, dict[str, str]]:
    person = await add_officer(owner_engine, "compliance_officer")
    return person, await signed_in(app, owner_engine, person)


async def test_a_request_is_a_case_that_two_people_answer(
    desk: Desk, officer: tuple[Person, dict[str, str]], owner_engine: AsyncEngine
) -> None:
    case = await opened(desk)
    facts = asked_back()
    assert {name: case[name] for name in ("status", "about", "case_id", "assigner", "uetr", "amount", "currency")} == {
        "status": "open", "about": "unknown", "case_id": facts.case_id, "assigner": "MOCKNL2A", "uetr": facts.uetr,
        "amount": 1000.0, "currency": "USD",
    }  # fmt: skip
    assert (case["reason_code"], case["reason_text"]) == ("DUPL", "Paid twice")
    proposed = await act(desk, case, "answer", desk.headers, **REFUSAL)
    assert proposed.status_code == 200, proposed.text
    (answer,) = proposed.json()["answers"]
    own = await act(desk, case, f"answers/{answer['id']}/confirm", desk.headers)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    again = await act(desk, case, "answer", officer[1], **REFUSAL)
    assert (again.status_code, again.json()["code"]) == (409, "answer_open")
    confirmed = await act(desk, case, f"answers/{answer['id']}/confirm", officer[1])
    assert confirmed.status_code == 200, confirmed.text
    assert [one["status"] for one in confirmed.json()["answers"]] == ["confirmed"]
    late = await act(desk, case, f"answers/{answer['id']}/refuse", officer[1])
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    async with transaction(owner_engine) as session:
        woken = await session.execute(
            text("SELECT count(*) FROM outbox WHERE workflow_id = :id"), {"id": f"bank-cancellation/{case['id']}"}
        )
        audited = await session.execute(
            text(
                "SELECT action, outcome FROM audit_logs WHERE resource_type = 'bank_cancellation' AND outcome = 'done'"
                " ORDER BY id"
            )
        )
    assert woken.scalar_one() == 2
    assert [row.action.rsplit(".", 1)[-1] for row in audited] == ["propose_answer", "confirm_answer"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"outcome": "CNCL", "reason": "why not"}, 400, "outcome_not_true"),
        ({"outcome": "RJCR", "reason": "no code"}, 400, "outcome_not_true"),
        ({"outcome": "RJCR", "reason_code": "RQDA", "reason": "of a delay"}, 400, "outcome_not_true"),
        ({"outcome": "PDCR", "reason_code": "NOOR", "reason": "of a refusal"}, 400, "outcome_not_true"),
        ({"outcome": "ACCR", "reason": "no outcome"}, 422, None),
        ({"outcome": "RJCR", "reason_code": "too long", "reason": "no code"}, 422, None),
        (REFUSAL | {"comment": "x" * 211}, 422, None),
        ({"outcome": "RJCR", "reason_code": "NOOR"}, 422, None),
    ],
)
async def test_what_is_no_answer_is_refused(desk: Desk, body: dict[str, str], status: int, code: str | None) -> None:
    answered = await act(desk, await opened(desk), "answer", desk.headers, **body)
    assert answered.status_code == status, answered.text
    assert code in {None, answered.json()["code"]}


async def test_customers_and_auditors_neither_see_nor_answer(
    desk: Desk, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    case = await opened(desk)
    for person in (await add_officer(owner_engine, "auditor"), await add_customer(owner_engine)):
        theirs = await signed_in(app, owner_engine, person)
        assert (await desk.client.get(CASES, headers=theirs)).status_code == 403
        assert (await desk.client.get(f"{CASES}/{case['id']}", headers=theirs)).status_code == 403
        assert (await act(desk, case, "answer", theirs, **REFUSAL)).status_code == 403
    assert (await desk.client.get(f"{CASES}/{uuid4()}", headers=desk.headers)).status_code == 404
    assert (await act(desk, case, f"answers/{uuid4()}/confirm", desk.headers)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE bank_cancellation_answers SET status = 'confirmed', decided_by = proposed_by, decided_at = now()",
        "UPDATE bank_cancellation_answers SET outcome = 'CNCL'",
        "UPDATE bank_cancellations SET uetr = NULL",
        "DELETE FROM bank_cancellation_answers",
    ],
)
async def test_the_database_holds_them_to_it(desk: Desk, owner_engine: AsyncEngine, change: str) -> None:
    await act(desk, await opened(desk), "answer", desk.headers, **REFUSAL)
    with pytest.raises(DBAPIError):
        async with transaction(owner_engine) as session:
            await session.execute(text(change))


async def test_it_is_answered_in_the_console(
    desk: Desk, browser: AsyncClient, owner_engine: AsyncEngine, officer: tuple[Person, dict[str, str]]
) -> None:
    case = await opened(desk)
    await sign_in_at_console(browser, officer[0])
    assert "MOCKNL2A" in (await browser.get("/console/requests")).text
    here = f"/console/requests/{case['id']}"
    shown = await browser.get(here)
    assert "nothing that we know" in shown.text
    form = {"csrf": csrf_in(shown), "answer": "RJCR/NOOR", "reason": "no such payment came", "comment": ""}
    assert (await browser.post(f"{here}/answer", data=form)).status_code == 303
    shown = await browser.get(here)
    assert ("Take back" in shown.text, "/confirm" in shown.text) == (True, False)
    await sign_in_at_console(browser, await add_officer(owner_engine, "operations"))
    shown = await browser.get(here)
    (confirm,) = re.findall(r'action="([^"]+/confirm)"', shown.text)
    assert (await browser.post(confirm, data={"csrf": csrf_in(shown)})).status_code == 303
    async with transaction(owner_engine) as session:
        status = await session.execute(text("SELECT status FROM bank_cancellation_answers"))
    assert status.scalar_one() == "confirmed"
    assert (await browser.get("/console/requests?status=answered")).status_code == 200


def asks_after(number: int, **facts: str) -> bytes:
    """The bank asks where the answer to its request is, written by our own writer of such questions."""
    asked = asked_back()
    return build_pacs028(
        StatusRequest.model_validate(
            {
                "message_id": f"Q{number}",
                "created_at": datetime(2026, 12, 15, 9, tzinfo=UTC),
                "sender": "MOCKNL2A",
                "receiver": "AURUNL2A",
                "original_message_id": asked.message_id,
                "original_message_type": "camt.056.001.08",
                "instruction_id": asked.instruction_id,
                "end_to_end_id": asked.end_to_end_id,
                "uetr": asked.uetr,
            }
            | facts
        )
    )


async def told(owner: AsyncEngine) -> list[str]:
    """What operations were told, oldest first."""
    async with transaction(owner) as session:
        rows = await session.execute(
            text("SELECT body FROM notifications WHERE event = 'operations.cancellation' ORDER BY id")
        )
        return list(rows.scalars())


async def test_a_bank_that_asks_again_is_heard_at_once_and_in_its_case(
    desk: Desk, browser: AsyncClient, owner_engine: AsyncEngine, officer: tuple[Person, dict[str, str]]
) -> None:
    case = await opened(desk)
    (desk.inbox / "asks.xml").write_bytes(asks_after(1))
    assert await desk.reader.read_waiting() == 1
    assert await desk.files() == []
    (letter,) = await told(owner_engine)
    assert "was not answered yet" in letter
    seen = (await desk.client.get(f"{CASES}/{case['id']}", headers=desk.headers)).json()
    assert len(seen["inquiries"]) == 1
    await sign_in_at_console(browser, officer[0])
    assert "The bank asked again" in (await browser.get(f"/console/requests/{case['id']}")).text
    # By the payment alone, once it has its answer.
    await damage(owner_engine, "UPDATE bank_cancellations SET status = 'answered', ended_at = now()")
    (desk.inbox / "again.xml").write_bytes(asks_after(2, original_message_type="pacs.008.001.08"))
    assert await desk.reader.read_waiting() == 1
    assert "Nothing is sent again by itself" in (await told(owner_engine))[1]
    with pytest.raises(DBAPIError):
        async with transaction(owner_engine) as session:
            await session.execute(text("DELETE FROM bank_cancellation_inquiries"))


@pytest.mark.parametrize(
    "facts",
    [
        {"end_to_end_id": "OTHER-1", "uetr": "7a0e6d1c-2b3f-4c5d-8e9f-000000000001"},
        {"original_message_id": "RC9999"},
    ],
    ids=["another payment", "another request"],
)
async def test_a_question_about_something_else_waits_for_people(
    desk: Desk, owner_engine: AsyncEngine, facts: dict[str, str]
) -> None:
    await opened(desk)
    file = await desk.arrives(asks_after(1, **facts))
    assert (file["status"], file["message_type"]) == ("quarantined", "pacs.028.001.03")
    assert "asks what became of something that nobody has asked back" in file["reason"]
    assert await told(owner_engine) == []
