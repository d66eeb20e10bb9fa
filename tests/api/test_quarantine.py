"""Files that wait for a person: seen by operators alone, kept for ever, and read again by the same rules."""

import os
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from infra.database import transaction
from infra.providers.bank import FolderChannel
from tests.factories.auth import signed_in
from tests.factories.bank import customer_report
from tests.factories.users import add_officer
from tests.factories.wires import ordered, people

QUARANTINE = "/api/v1/admin/quarantine"


class Desk:
    """Operators by HTTP, and the reader of the bank's folder."""

    def __init__(self, client: AsyncClient, worker: AsyncEngine, folder: Path, headers: dict[str, str]) -> None:
        self.client, self.headers, self.inbox = client, headers, folder / "inbox"
        self.inbox.mkdir()
        self.reader = BankInbox(worker, FolderChannel(folder / "outbox", self.inbox))

    async def arrives(self, content: bytes, name: str = "a.xml") -> dict[str, Any]:
        """A file comes that cannot be used."""
        (self.inbox / name).write_bytes(content)
        await self.reader.read_waiting()
        return (await self.files())[0]

    async def files(self) -> list[dict[str, Any]]:
        """What waits."""
        answered = await self.client.get(QUARANTINE, headers=self.headers)
        assert answered.status_code == 200, answered.text
        told: list[dict[str, Any]] = answered.json()["data"]
        return told

    async def act(self, file: dict[str, Any], act: str, reason: str = "because") -> Response:
        """An operator acts."""
        return await self.client.post(f"{QUARANTINE}/{file['id']}/{act}", json={"reason": reason}, headers=self.headers)


@pytest.fixture
async def desk(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Desk:
    operator = await add_officer(owner_engine, "operations")
    return Desk(client, worker_engine, tmp_path, await signed_in(app, owner_engine, operator))


def _report(reference: str) -> bytes:
    return customer_report(
        "<OrgnlGrpInfAndSts><OrgnlMsgId>A</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>"
        "<OrgnlPmtInfAndSts><OrgnlPmtInfId>A</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{reference}</OrgnlEndToEndId><TxSts>ACSP</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>"
    )


async def test_an_unreadable_file_is_listed_downloaded_and_dismissed_and_stays(desk: Desk) -> None:
    file = await desk.arrives(b"\x00<not a message", "strange \u20ac.xml")
    assert (file["status"], file["message_type"], file["bytes_kept"]) == ("quarantined", "unreadable", 15)
    content = await desk.client.get(f"{QUARANTINE}/{file['id']}/content", headers=desk.headers)
    assert content.content == b"\x00<not a message"
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["content-disposition"].startswith("attachment")
    dismissed = await desk.act(file, "dismiss", "asked for it again")
    assert dismissed.status_code == 200, dismissed.text
    assert "asked for it again" in dismissed.json()["reason"]
    assert [one["status"] for one in await desk.files()] == ["dismissed"]
    assert (await desk.act(file, "dismiss")).json()["code"] == "wrong_state"
    assert (await desk.act(file, "read-again")).json()["code"] == "wrong_state"


async def test_a_file_is_read_again_when_its_order_is_there_and_the_process_is_woken(
    desk: Desk, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    everybody = await people(owner_engine)
    wire = await ordered(api_engine, everybody)
    file = await desk.arrives(_report("NOT-THERE"))
    assert (await desk.act(file, "read-again")).json()["status"] == "to_read_again"
    assert await desk.reader.read_waiting() == 0
    assert [one["status"] for one in await desk.files()] == ["quarantined"]
    async with transaction(owner_engine) as session:
        await session.execute(
            text("UPDATE bank_messages SET content = :content"), {"content": _report(wire.end_to_end_id)}
        )
    assert (await desk.act(file, "read-again")).status_code == 200
    assert await desk.reader.read_waiting() == 1
    assert await desk.files() == []
    async with transaction(owner_engine) as session:
        answers = (await session.execute(text("SELECT wire_id, kind FROM bank_answers"))).all()
        woken = await session.execute(
            text("SELECT count(*) FROM outbox WHERE workflow_id = :id"), {"id": f"wire/{wire.id}"}
        )
    assert [tuple(row) for row in answers] == [(wire.id, "accepted")]
    assert woken.scalar_one() == 2


async def test_an_empty_file_cannot_be_read_again(desk: Desk) -> None:
    file = await desk.arrives(b"")
    assert (await desk.act(file, "read-again")).json()["code"] == "refused"


async def test_nobody_but_operations_sees_it(desk: Desk, app: FastAPI, owner_engine: AsyncEngine) -> None:
    file = await desk.arrives(b"x")
    for preset in ("compliance_officer", "auditor"):
        desk.headers = await signed_in(app, owner_engine, await add_officer(owner_engine, preset))
        assert (await desk.client.get(QUARANTINE, headers=desk.headers)).status_code == 403
        assert (await desk.act(file, "dismiss")).status_code == 403


async def test_bad_files_are_set_aside_and_the_good_one_after_them_is_read(
    desk: Desk, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    wire = await ordered(api_engine, await people(owner_engine))
    with (desk.inbox / "1-large.xml").open("wb") as large:
        large.truncate(100 * 1024 * 1024)
    (desk.inbox / "2-deep.xml").write_bytes(b"<a>" * 100_000 + b"</a>" * 100_000)
    (desk.inbox / "3-nul.xml").write_bytes(_report("A").replace(b"<TxSts>", b"\0<TxSts>"))
    (desk.inbox / "4-zeros.xml").write_bytes(b"\0" * 4096)
    (desk.inbox / "5-good.xml").write_bytes(_report(wire.end_to_end_id))
    assert await desk.reader.read_waiting() == 5
    told = {one["file_name"]: (one["bytes_kept"], one["reason"]) for one in await desk.files()}
    assert sorted(told) == ["1-large.xml", "2-deep.xml", "3-nul.xml", "4-zeros.xml"]
    assert told["1-large.xml"][0] == 0
    assert "104857600 bytes" in told["1-large.xml"][1]
    assert all("not well-formed" in told[name][1] for name in sorted(told)[1:])
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT wire_id FROM bank_answers"))).scalars().all() == [wire.id]
    assert list(desk.inbox.iterdir()) == []


async def test_what_cannot_be_opened_stays_and_the_next_file_is_read(desk: Desk) -> None:
    (desk.inbox / "folder").mkdir()
    (desk.inbox / "link.xml").symlink_to("/etc/hostname")
    os.mkfifo(desk.inbox / "pipe.xml")
    (desk.inbox / "being-written.part").write_bytes(b"<a")
    file = await desk.arrives(b"x", "z.xml")
    assert file["file_name"] == "z.xml"
    assert sorted(one.name for one in desk.inbox.iterdir()) == ["being-written.part", "folder", "link.xml", "pipe.xml"]
