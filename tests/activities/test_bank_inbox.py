"""The reader over a real folder: whatever lies there, people are told what it is, and the next file is read."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from infra.database import transaction
from infra.providers.bank import FolderChannel
from tests.factories.bank import customer_report, entry, interbank_report, notification
from tests.factories.wires import ordered, people
from tests.infra.test_bank_bad_files import BAD_FILES

NOBODY = 65534
GOOD = notification(entry("DBIT"))


class Folder:
    """The bank's folder, who reads it, and a wire that the last file is about."""

    def __init__(self, place: Path, worker: AsyncEngine, owner: AsyncEngine) -> None:
        self.inbox, self.quarantined = place / "inbox", place / "inbox.quarantine"
        self.inbox.mkdir()
        self.channel = FolderChannel(place / "outbox", self.inbox)
        self.worker, self.owner = worker, owner
        self.reader = BankInbox(worker, self.channel, patience_seconds=0)
        self.wire_id: UUID | None = None

    async def orders(self, api: AsyncEngine) -> None:
        """A wire, and the bank's word about it as the last file."""
        wire = await ordered(api, await people(self.owner))
        self.wire_id = wire.id
        self.comes("zz-good.xml", interbank_report(f"<OrgnlUETR>{wire.uetr}</OrgnlUETR><TxSts>ACSP</TxSts>"))

    def comes(self, name: str, content: bytes) -> Path:
        """A file of the bank."""
        file = self.inbox / name
        file.write_bytes(content)
        return file

    async def waiting(self) -> dict[str, str]:
        """What people are told, by the name of the file."""
        async with transaction(self.owner) as session:
            rows = await session.execute(
                text("SELECT file_name, reason FROM bank_messages WHERE status = 'quarantined' ORDER BY file_name")
            )
            return {row.file_name: row.reason for row in rows}

    async def good_one_was_read(self) -> bool:
        """Whether the file that came last was read."""
        async with transaction(self.owner) as session:
            found = await session.execute(text("SELECT wire_id FROM bank_answers ORDER BY id"))
            return self.wire_id in found.scalars().all()


@pytest.fixture
async def folder(
    tmp_path: Path, worker_engine: AsyncEngine, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> Folder:
    made = Folder(tmp_path, worker_engine, owner_engine)
    await made.orders(api_engine)
    return made


@contextmanager
def as_nobody(place: Path) -> Iterator[None]:
    """As somebody to whom permissions apply, which they do not to root; `place` is theirs."""
    if os.geteuid() != 0:
        yield
        return
    for path in (place, *place.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that nobody in particular may enter: those of pytest are for their owner alone."""
    place = Path(tempfile.mkdtemp(prefix="aurum-inbox-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


async def test_every_bad_file_is_set_aside_with_its_reason_and_the_next_is_read(folder: Folder) -> None:
    for number, (content, _) in enumerate(BAD_FILES.values()):
        folder.comes(f"{number:03}.xml", content)
    distinct = {content for content, _ in BAD_FILES.values() if content}
    assert await folder.reader.read_waiting() == len(BAD_FILES) + 1
    told = await folder.waiting()
    # What says the same byte for byte is one file, whatever it is called; of an empty one the name is kept.
    assert len(told) == len(distinct) + 1
    for number, (name, (_, complaint)) in enumerate(BAD_FILES.items()):
        reason = told.get(f"{number:03}.xml", complaint)
        assert complaint in reason or reason.startswith("it is no valid camt.05"), name
    assert await folder.good_one_was_read()
    assert list(folder.inbox.iterdir()) == []
    assert len(list(folder.quarantined.iterdir())) == len(BAD_FILES)


NAMES = [
    "with space.xml",
    "-rf.xml",
    "new\nline.xml",
    "tab\t.xml",
    "'; DROP TABLE bank_messages; --.xml",
    "$(reboot).xml",
    "%2e%2e%2f.xml",
    "xml..",
    "\u202eright-to-left.xml",
    "💰.xml",
    "no-ending",
    "x" * 251 + ".xml",
    "NUL.xml",
    os.fsdecode(b"caf\xe9.xml"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_whatever_a_file_is_called_it_is_read(folder: Folder, name: str) -> None:
    folder.comes(name, GOOD)
    assert await folder.reader.read_waiting() == 2
    (kept,) = await folder.waiting()
    assert kept == name or kept == "caf%E9.xml"
    assert await folder.good_one_was_read()
    assert list(folder.inbox.iterdir()) == []


async def test_a_file_that_may_not_be_read_does_not_stall_the_inbox(
    outside: Path, worker_engine: AsyncEngine, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    folder = Folder(outside, worker_engine, owner_engine)
    await folder.orders(api_engine)
    folder.comes("a-secret.xml", GOOD).chmod(0)
    patient = BankInbox(worker_engine, folder.channel)
    with as_nobody(outside):
        # A gateway may not have finished giving it away: it is left, and what comes after it is read.
        assert await patient.read_waiting() == 1
        assert await folder.good_one_was_read()
        assert await folder.waiting() == {}
        assert [file.name for file in folder.inbox.iterdir()] == ["a-secret.xml"]
        # It lies there too long: people are told, and it is out of the way.
        assert await folder.reader.read_waiting() == 1
        told = await folder.waiting()
        assert told == {"a-secret.xml": "it cannot be opened: Permission denied; mend it, and put it back"}
        assert list(folder.inbox.iterdir()) == []
        # Mended and put back, it is read as any file.
        mended = folder.quarantined / "a-secret.xml"
        mended.chmod(0o600)
        mended.rename(folder.inbox / "a-secret.xml")
        assert await folder.reader.read_waiting() == 1
    # As every file is: what it says is another matter.
    assert [reason.split(":")[0] for reason in await _reasons(owner_engine)] == [
        "it cannot be opened",
        "it is no valid camt.054.001.08",
    ]


async def test_what_is_no_file_is_told_once_and_left(folder: Folder) -> None:
    (folder.inbox / "folder.xml").mkdir()
    (folder.inbox / "link.xml").symlink_to("/etc/hostname")
    os.mkfifo(folder.inbox / "pipe.xml")
    assert await folder.reader.read_waiting() == 1
    for _ in range(2):
        assert await folder.reader.read_waiting() == 0
    assert await folder.waiting() == {
        "folder.xml": "it is a folder, and stays in the inbox; move it away",
        "link.xml": "it is a link, and stays in the inbox; move it away",
        "pipe.xml": "it is a device or a pipe, and stays in the inbox; move it away",
    }
    assert await folder.good_one_was_read()


async def test_what_the_database_does_not_take_is_set_aside(folder: Folder) -> None:
    wire = f"W{folder.wire_id.hex}".upper() if folder.wire_id else ""
    refused = customer_report(
        "<OrgnlGrpInfAndSts><OrgnlMsgId>A</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>"
        "<OrgnlPmtInfAndSts><OrgnlPmtInfId>A</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{wire}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>BOOM</Cd></Rsn></StsRsnInf>"
        "</TxInfAndSts></OrgnlPmtInfAndSts>"
    )
    folder.comes("a-refused.xml", refused)
    await _change(folder.owner, "ALTER TABLE bank_answers ADD CONSTRAINT no_boom CHECK (reason_code <> 'BOOM')")
    try:
        assert await folder.reader.read_waiting() == 2
        told = await folder.waiting()
        assert list(told) == ["a-refused.xml"]
        assert told["a-refused.xml"].startswith("what it says cannot be stored")
        assert await folder.good_one_was_read()
        # Read again it is refused again, and holds up nobody.
        await _change(folder.owner, "UPDATE bank_messages SET status = 'to_read_again' WHERE status = 'quarantined'")
        assert await folder.reader.read_waiting() == 0
        assert list(await folder.waiting()) == ["a-refused.xml"]
    finally:
        await _change(folder.owner, "ALTER TABLE bank_answers DROP CONSTRAINT no_boom")


async def _change(owner: AsyncEngine, statement: str) -> None:
    async with transaction(owner) as session:
        await session.execute(text(statement))


async def _reasons(owner: AsyncEngine) -> list[Any]:
    async with transaction(owner) as session:
        rows = await session.execute(text("SELECT reason FROM bank_messages WHERE status = 'quarantined' ORDER BY id"))
        return list(rows.scalars())
