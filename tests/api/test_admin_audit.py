"""Reading and verifying the audit log over HTTP: who may, what is found, and how a broken row is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from infra.audit_anchors import AnchorFile
from infra.database import transaction
from infra.settings import Settings
from tests.factories.audit import add_lines, sealer, tamper
from tests.factories.auth import signed_in
from tests.factories.users import add_customer, add_officer

LOG = "/api/v1/admin/audit-logs"
VERIFY = f"{LOG}/verify"


@pytest.fixture
async def auditor(app: FastAPI, owner_engine: AsyncEngine) -> dict[str, str]:
    """The header of an auditor's requests."""
    return await signed_in(app, owner_engine, await add_officer(owner_engine, "auditor"))


async def _read(client: AsyncClient, headers: dict[str, str], path: str = LOG, **query: Any) -> dict[str, Any]:
    answered = await client.get(path, headers=headers, params=query)
    assert answered.status_code == 200, answered.text
    read: dict[str, Any] = answered.json()
    return read


@pytest.mark.parametrize("path", [LOG, VERIFY])
@pytest.mark.parametrize(
    ("preset", "status"),
    [
        ("auditor", 200),
        ("operations", 200),
        ("compliance_officer", 200),
        ("senior_compliance_officer", 200),
        ("super_admin", 200),
        (None, 403),
    ],
)
async def test_the_log_is_for_those_who_watch(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, path: str, preset: str | None, status: int
) -> None:
    person = await add_officer(owner_engine, preset) if preset else await add_customer(owner_engine)
    answered = await client.get(path, headers=await signed_in(app, owner_engine, person))
    assert answered.status_code == status
    assert (await client.get(path)).status_code == 401


async def test_staff_without_a_right_to_it_and_customers_with_one_do_not_see_it(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    for person in (
        await add_officer(owner_engine, "nobody in particular"),
        await add_customer(owner_engine, permissions=["admin:reports"]),
    ):
        for path in (LOG, VERIFY):
            answered = await client.get(path, headers=await signed_in(app, owner_engine, person))
            assert (answered.status_code, answered.json()["code"]) == (403, "permission_missing")


async def test_lines_are_told_whole_newest_first(
    client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    first, _ = await add_lines(owner_engine, 2)
    await sealer(worker_engine).seal(None)
    (last,) = await add_lines(owner_engine, 1)
    page = await _read(client, auditor)
    assert (page["total"], page["page"], page["total_pages"], page["next_cursor"]) == (3, 1, 1, None)
    assert [line["id"] for line in page["data"]] == [last, first + 1, first]
    assert [line["chain_seq"] for line in page["data"]] == [None, 2, 1]
    line = page["data"][-1]
    assert line["old_values"] == {"name": "H***"}
    assert (line["actor_role"], line["outcome"], line["code"]) == ("customer", "done", None)
    answered = await client.get(LOG, headers=auditor)
    assert '"limit":10.50' in answered.text  # with every digit that is stored
    assert '"duration_ms":12.345' in answered.text


async def test_pages_and_cursors_reach_every_line_once(
    client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine
) -> None:
    ids = await add_lines(owner_engine, 7)
    paged = [await _read(client, auditor, limit=3, page=page) for page in (1, 2, 3)]
    assert [line["id"] for page in paged for line in page["data"]] == ids[::-1]
    assert [page["total_pages"] for page in paged] == [3, 3, 3]
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await _read(client, auditor, limit=3, **cursor)
        seen += [line["id"] for line in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        await add_lines(owner_engine, 1)  # what is written meanwhile moves nothing
    assert seen == ids[::-1]


async def test_lines_are_chosen_by_who_what_when_and_how_it_ended(
    client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine
) -> None:
    now, user = datetime.now(UTC), uuid4()
    insert = text(
        "INSERT INTO audit_logs (at, user_id, action, resource_type, resource_id, outcome)"
        " VALUES (:at, :user, :action, :type, :id, :outcome) RETURNING id"
    )
    rows = [
        (now - timedelta(days=2), user, "wires.create_wire", "wire", "w-1", "done"),
        (now - timedelta(days=1), user, "wires.create_wire", "wire", "w-2", "refused"),
        (now, uuid4(), "users.update_profile", "user", "u-1", "done"),
        (now, None, "auth.login", "", "", "failed"),
    ]
    async with transaction(owner_engine) as session:
        ids = []
        for row in rows:
            values = dict(zip(("at", "user", "action", "type", "id", "outcome"), row, strict=True))
            ids.append((await session.execute(insert, values)).scalar_one())
    choices: list[tuple[dict[str, str], list[int]]] = [
        ({"user_id": str(user)}, [1, 0]),
        ({"action": "wires.create_wire"}, [1, 0]),
        ({"resource_type": "wire", "resource_id": "w-1"}, [0]),
        ({"outcome": "refused"}, [1]),
        ({"outcome": "failed"}, [3]),
        ({"from": (now - timedelta(days=1)).isoformat()}, [3, 2, 1]),
        ({"to": (now - timedelta(days=1)).isoformat()}, [0]),
        ({"from": (now - timedelta(days=2)).isoformat(), "to": now.isoformat()}, [1, 0]),
        ({"user_id": str(user), "outcome": "done"}, [0]),
        ({"action": "'; DROP TABLE audit_logs; --"}, []),
    ]
    for query, expected in choices:
        page = await _read(client, auditor, **query)
        assert [line["id"] for line in page["data"]] == [ids[place] for place in expected], query
        assert page["total"] == len(expected)


@pytest.mark.parametrize(
    "query",
    [
        {"user_id": "me"},
        {"outcome": "fine"},
        {"from": "2026-01-01T00:00:00"},
        {"to": "yesterday"},
        {"limit": 101},
        {"page": 0},
        {"cursor": -1},
        {"cursor": 2**63},
        {"action": "x" * 201},
        {"action": "\x00"},
    ],
)
async def test_what_cannot_be_read_is_refused(
    client: AsyncClient, auditor: dict[str, str], query: dict[str, Any]
) -> None:
    assert (await client.get(LOG, headers=auditor, params=query)).status_code == 422


async def test_a_forged_time_does_not_hide_the_list(
    client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine
) -> None:
    early, late = await add_lines(owner_engine, 2)
    await tamper(owner_engine, "UPDATE audit_logs SET at = '-infinity' WHERE id = :id", id=early)
    await tamper(owner_engine, "UPDATE audit_logs SET at = 'infinity' WHERE id = :id", id=late)
    assert [line["at"][:4] for line in (await _read(client, auditor))["data"]] == ["9999", "0001"]


async def test_the_log_is_verified_and_the_row_named(
    client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    whole = await _read(client, auditor, VERIFY)
    assert (whole["intact"], whole["verified"], whole["waiting"], whole["first_break"]) == (True, 5, 0, None)
    assert whole["head"]["chain_seq"] == 5
    await tamper(owner_engine, "UPDATE audit_logs SET user_id = NULL WHERE id = :id", id=ids[1])
    await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=ids[3])
    broken = await _read(client, auditor, VERIFY)
    assert (broken["intact"], broken["verified"]) == (False, 1)
    assert {name: broken["first_break"][name] for name in ("kind", "audit_id", "chain_seq")} == {
        "kind": "changed",
        "audit_id": ids[1],
        "chain_seq": 2,
    }
    assert str(ids[1]) in broken["first_break"]["detail"]
    behind = await _read(client, auditor, VERIFY, start=3)
    assert (behind["first_break"]["kind"], behind["first_break"]["audit_id"]) == ("removed", ids[3])


async def test_the_log_is_compared_with_the_kept_heads(
    api_settings: Settings,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    tmp_path: Path,
) -> None:
    heads = tmp_path / "heads.jsonl"
    steps = sealer(worker_engine, heads)
    ids = await add_lines(owner_engine, 3)
    await steps.seal(None)
    await steps.anchor()
    app = create_app(api_settings.model_copy(update={"audit_anchor_file": heads}))
    async with app.router.lifespan_context(app), _spoken(app) as client:
        auditor = await signed_in(app, owner_engine, await add_officer(owner_engine, "auditor"))
        assert (await _read(client, auditor, VERIFY))["anchors"] == len(AnchorFile(heads).read()) == 1
        await tamper(owner_engine, "DELETE FROM audit_seals WHERE audit_id = :id", id=ids[2])
        await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=ids[2])
        assert (await _read(client, auditor, VERIFY))["first_break"]["kind"] == "truncated"
        heads.write_text("something else")
        answered = await client.get(VERIFY, headers=auditor)
        assert (answered.status_code, answered.json()["code"]) == (503, "unavailable")


def _spoken(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://aurum.test")


async def test_one_walk_at_a_time(client: AsyncClient, auditor: dict[str, str], owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        await session.execute(text("SELECT pg_advisory_xact_lock(7203011)"))
        answered = await client.get(VERIFY, headers=auditor)
    assert (answered.status_code, answered.json()["code"]) == (409, "wrong_state")
    assert (await _read(client, auditor, VERIFY))["intact"]
