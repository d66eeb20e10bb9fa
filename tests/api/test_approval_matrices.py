"""The approval matrix: proposed by one officer, published or refused by another one, by HTTP and at the console."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import DEFAULT_MATRIX
from tests.factories.approval import as_shipped
from tests.factories.auth import signed_in
from tests.factories.console import CONSOLE, Office, Staff, filled
from tests.factories.users import Person, add_customer, add_officer
from tests.factories.wire_desk import is_refusal

ADMIN = "/api/v1/admin"
MATRIX = "/approval/matrix"
PROPOSE = f"{MATRIX}/propose"
CHANGED = {
    "rows": [
        {"name": "large", "over": 500_000, "approvers": ["officer", "senior"]},
        {"name": "rest", "approvers": ["officer"]},
    ],
    "call_back_over": 2_000_000,
    "note": "Two rows are enough",
}


class Board:
    """People who decide how wires are approved."""

    def __init__(self, app: FastAPI, client: AsyncClient, owner: AsyncEngine) -> None:
        self.app, self.client, self.owner = app, client, owner

    async def asked(self, person: Person, method: str, path: str, body: Any = None) -> Response:
        """Somebody asks the API."""
        headers = await signed_in(self.app, self.owner, person)
        return await self.client.request(method, f"{ADMIN}{path}", json=body, headers=headers)

    async def deciding(self, engine: AsyncEngine | None = None) -> int:
        """The version by which wires are routed."""
        async with transaction(engine or self.owner) as session:
            return (await wires.newest_matrix(session))[0]


@pytest.fixture
async def board(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> AsyncIterator[Board]:
    async with as_shipped(owner_engine):
        yield Board(app, client, owner_engine)


@pytest.fixture
async def office(app: FastAPI, owner_engine: AsyncEngine) -> AsyncIterator[Office]:
    made = Office(app, owner_engine)
    async with as_shipped(owner_engine):
        yield made
    for browser in made.browsers:
        await browser.aclose()


async def test_a_matrix_is_proposed_by_one_and_published_by_a_senior_other(
    board: Board, worker_engine: AsyncEngine
) -> None:
    officer, senior = await add_officer(board.owner), await add_officer(board.owner, "senior_compliance_officer")
    before = await board.deciding()
    made = (await board.asked(officer, "POST", "/approval-matrices", CHANGED)).json()
    assert (made["status"], made["decides"], made["proposed_by"]) == ("proposed", False, str(officer.id))
    told = {
        one["name"]: (one["what"], {field["field"]: field["new"] for field in one["fields"]}) for one in made["changes"]
    }
    assert told["large"][1] | {"over": 500_000, "approvers": ["officer", "senior"]} == told["large"][1]
    assert (told["call back"], told["over_1m"][0]) == (("changed", {"over": 2_000_000}), "removed")
    # Nobody routes by what is only proposed.
    assert await board.deciding() == before == await board.deciding(worker_engine)
    publish = f"/approval-matrices/{made['version']}/publish"
    is_refusal(await board.asked(officer, "POST", publish), 403, "permission_missing")
    done = await board.asked(senior, "POST", publish)
    assert (done.status_code, done.json()["decides"]) == (200, True), done.text
    assert await board.deciding() == made["version"] == await board.deciding(worker_engine)
    is_refusal(await board.asked(senior, "POST", publish), 409, "wrong_state")
    listed = (await board.asked(officer, "GET", "/approval-matrices")).json()
    assert [one["version"] for one in listed["data"]] == [made["version"], before, before - 1]
    assert [one["decides"] for one in listed["data"]] == [True, False, False]
    async with transaction(board.owner) as session:
        lines = await session.execute(
            text(
                "SELECT user_id FROM audit_logs WHERE resource_type = 'approval_matrix' AND outcome = 'done'"
                " AND resource_id = :version ORDER BY id"
            ),
            {"version": str(made["version"])},
        )
        assert list(lines.scalars()) == [officer.id, senior.id]


async def test_nobody_publishes_their_own_and_what_is_overtaken_never_decides(board: Board) -> None:
    one, other = [await add_officer(board.owner, "super_admin") for _ in range(2)]
    first, second = [(await board.asked(one, "POST", "/approval-matrices", CHANGED)).json() for _ in range(2)]
    own = f"/approval-matrices/{first['version']}/publish"
    is_refusal(await board.asked(one, "POST", own), 403, "four_eyes")
    assert (await board.asked(other, "POST", f"/approval-matrices/{second['version']}/publish")).status_code == 200
    is_refusal(await board.asked(other, "POST", own), 409, "wrong_state")
    listed = (await board.asked(one, "GET", "/approval-matrices")).json()["data"]
    assert {row["version"]: row["status"] for row in listed}[first["version"]] == "overtaken"
    is_refusal(await board.asked(other, "POST", "/approval-matrices/99999/publish"), 404, "not_found")


async def test_an_operators_command_overtakes_what_waits(board: Board) -> None:
    officer, senior = await add_officer(board.owner), await add_officer(board.owner, "senior_compliance_officer")
    waits = (await board.asked(officer, "POST", "/approval-matrices", CHANGED)).json()["version"]
    async with transaction(board.owner) as session:
        version = await wires.publish_matrix(session, DEFAULT_MATRIX, note="At the start", operator="root")
    listed = (await board.asked(officer, "GET", "/approval-matrices")).json()["data"]
    assert [(one["version"], one["operator"], one["status"]) for one in listed[:2]] == [
        (version, "root", "published"),
        (waits, None, "overtaken"),
    ]
    is_refusal(await board.asked(senior, "POST", f"/approval-matrices/{waits}/publish"), 409, "wrong_state")


async def test_a_matrix_that_turns_risk_upside_down_is_refused(board: Board) -> None:
    officer = await add_officer(board.owner)
    rows = [{"name": "large", "over": 1000, "approvers": []}, {"name": "rest", "approvers": ["officer"]}]
    upside_down = CHANGED | {"rows": rows}
    answered = await board.asked(officer, "POST", "/approval-matrices", upside_down)
    is_refusal(answered, 422, "invalid_request")
    assert "the row large asks for nobody where a wire with less risk takes officer" in answered.text


async def test_only_the_desk_sees_what_is_proposed(board: Board) -> None:
    officer, customer = await add_officer(board.owner), await add_customer(board.owner)
    auditor, operator = await add_officer(board.owner, "auditor"), await add_officer(board.owner, "operations")
    is_refusal(await board.asked(customer, "GET", "/approval-matrices"), 403, "permission_missing")
    for who in (customer, auditor, operator):
        is_refusal(await board.asked(who, "POST", "/approval-matrices", CHANGED), 403, "permission_missing")
    version = (await board.asked(officer, "POST", "/approval-matrices", CHANGED)).json()["version"]
    for path, body in (("publish", None), ("refuse", {"reason": "No need"})):
        for who in (customer, auditor, operator):
            answered = await board.asked(who, "POST", f"/approval-matrices/{version}/{path}", body)
            is_refusal(answered, 403, "permission_missing")
    assert (await board.asked(auditor, "GET", "/approval-matrices")).json()["data"][0]["version"] == version


async def _sent(one: Staff, changed: dict[str, str], do: str = "propose") -> Response:
    fields = filled(await one.look(PROPOSE), PROPOSE) | {"note": "Less to do"} | changed
    return await one.browser.post(f"{CONSOLE}{PROPOSE}", data=fields | {"do": do})


async def _newest(office: Office) -> Any:
    async with transaction(office.owner) as session:
        newest = "SELECT * FROM approval_matrices ORDER BY version DESC LIMIT 1"
        return (await session.execute(text(newest))).one()


async def test_the_form_begins_with_what_decides_and_shows_it_beside_what_is_written(office: Office) -> None:
    officer = await office.come("compliance_officer")
    senior = await office.come("senior_compliance_officer")
    assert (await _sent(officer, {})).status_code == 303
    assert (await _newest(office)).rows == DEFAULT_MATRIX.model_dump(mode="json")["rows"]
    shown = await senior.look(MATRIX)
    assert "The same as the version before it." in shown
    assert "Of the last 0 wires, 0 would have taken more approvers" in shown
    # At the top the fifth row would take two plain officers to what takes a senior one now.
    changed = {"row.1.approver.3": "operations", "row.5.place": "1", "row.5.over": "200000", "call_back_over": "900000"}
    refused = await _sent(officer, changed)
    assert (refused.status_code, "asks for officer and officer where" in refused.text) == (422, True)
    done = await _sent(officer, changed | {"row.5.place": "5"})
    assert done.status_code == 303, done.text
    made = await _newest(office)
    assert made.rows[0]["approvers"] == ["officer", "senior", "operations"]
    assert (made.rows[4]["over"], made.call_back_over) == (200_000, 900_000)
    seen = await senior.look(MATRIX)
    for what, before, after in (
        ("approvers", "officer, senior", "officer, senior, operations"),
        ("over", "250,000", "200,000"),
        ("over", "1,000,000", "900,000"),
    ):
        line = (
            rf'data-name="What">{what}</td><td data-name="Before">{before}</td><td data-name="After"><strong>{after}<'
        )
        assert re.search(line, seen), what
    publish = f"{MATRIX}/{made.version}/publish"
    assert publish in seen
    assert publish not in await officer.look(MATRIX)
    await senior.done(MATRIX, publish)
    assert f"The matrix, version {made.version}" in await officer.look("/approval")


async def test_rows_change_places_and_are_added_and_left_out(office: Office) -> None:
    officer = await office.come("compliance_officer")
    fields = filled((await _sent(officer, {"row.3.place": "2", "row.9.place": "8"}, do="row")).text, PROPOSE)
    names = [fields[f"row.{place}.name"] for place in range(1, 12)]
    assert names == [
        "similar_name", "high_risk_country", "over_1m", "high_risk_customer", "over_250k", "medium_risk_country",
        "unusual", "over_10k", "new_beneficiary", "", "small_and_known",
    ]  # fmt: skip
    # Downwards it comes to stand behind what stood there.
    fields = filled((await _sent(officer, {"row.1.place": "4", "row.2.dropped": "on"}, do="again")).text, PROPOSE)
    assert [fields[f"row.{place}.name"] for place in range(1, 5)] == [
        "over_1m", "high_risk_country", "high_risk_customer", "similar_name",
    ]  # fmt: skip
    assert fields["row.1.dropped"] == "on"


async def test_a_matrix_that_was_published_meanwhile_is_not_taken_back_unseen(office: Office) -> None:
    officer = await office.come("compliance_officer")
    begun = filled(await officer.look(PROPOSE), PROPOSE) | {"note": "Less to do", "row.1.place": "9" * 5000}
    async with transaction(office.owner) as session:
        version = await wires.publish_matrix(session, DEFAULT_MATRIX, note="At the start", operator="root")
    answered = await officer.browser.post(f"{CONSOLE}{PROPOSE}", data=begun | {"do": "propose"})
    assert (answered.status_code, f"Version {version} was published since" in answered.text) == (422, True)
    assert (await _newest(office)).version == version


async def test_a_refusal_ends_a_proposal_and_nobody_else_withdraws_it(office: Office) -> None:
    officer = await office.come("compliance_officer")
    senior = await office.come("senior_compliance_officer")
    other = await office.come("compliance_officer")
    await _sent(officer, {"call_back_over": ""})
    version = (await _newest(office)).version
    assert (await other.send(MATRIX, f"{MATRIX}/{version}/refuse", reason="Not mine")).status_code == 403
    await senior.done(MATRIX, f"{MATRIX}/{version}/refuse", reason="Call-backs stay")
    assert "Call-backs stay" in await officer.look(MATRIX)
    assert (await senior.send(MATRIX, f"{MATRIX}/{version}/publish")).status_code == 409
