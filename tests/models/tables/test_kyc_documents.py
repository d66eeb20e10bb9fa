"""Documents of customers: who may say what about them, once, and what the database refuses whoever asks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import FourEyes, NotFound, WrongState
from models.kyc.documents import (
    MOST_UNDECIDED,
    ContentGone,
    DocumentKnown,
    DocumentNotScanned,
    Likeness,
    ScanStatus,
    TooManyDocuments,
)
from models.tables.kyc import documents
from tests.factories.documents import document, unsaved
from tests.factories.users import Person, add_customer, add_officer


@dataclass
class Desk:
    """Two customers and an officer."""

    owner: AsyncEngine
    api: AsyncEngine
    worker: AsyncEngine
    clara: Person
    dora: Person
    officer: Person

    async def status(self, document_id: UUID) -> str:
        """Where the document stands, by its row."""
        async with transaction(self.owner) as session:
            return (await documents.find(session, document_id)).verification_status

    async def changed(self, what: str) -> None:
        """Sets columns of every document by SQL, as the owner of the schema."""
        async with transaction(self.owner) as session:
            await session.execute(text(f"UPDATE kyc_documents SET {what}"))


@pytest.fixture
async def desk(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> Desk:
    return Desk(
        owner_engine,
        api_engine,
        worker_engine,
        await add_customer(owner_engine),
        await add_customer(owner_engine),
        await add_officer(owner_engine),
    )


async def test_a_customer_adds_a_document_and_an_officer_verifies_it_with_what_they_read(desk: Desk) -> None:
    async with transaction(desk.api, desk.clara.principal) as session:
        added = await documents.add(session, unsaved(desk.clara.id))
        assert (added.verification_status, added.scan_status) == ("pending", "pending")
    async with transaction(desk.worker) as session:
        await documents.record_scan(session, added.id, ScanStatus.CLEAN, "nothing found")
    async with transaction(desk.api, desk.officer.principal) as session:
        done = await documents.verify(session, added.id, desk.officer.id, country="NL")
    assert (done.verification_status, done.verified_by, done.country) == ("verified", desk.officer.id, "NL")
    assert done.verified_at is not None
    async with transaction(desk.api, desk.clara.principal) as session:
        assert [one.id for one in await documents.of_customer(session, desk.clara.id)] == [added.id]


async def test_a_document_is_rejected_with_a_reason_and_leaves_the_list_of_those_that_count(desk: Desk) -> None:
    passport = await document(desk.owner, desk.clara.id)
    async with transaction(desk.api, desk.officer.principal) as session:
        await documents.reject(session, passport, desk.officer.id, reason_code="unreadable", reason="Too dark")
    async with transaction(desk.api, desk.clara.principal) as session:
        assert not await documents.of_customer(session, desk.clara.id)
        [rejected] = await documents.of_customer(session, desk.clara.id, history=True)
    assert (rejected.reason_code, rejected.reason) == ("unreadable", "Too dark")


async def test_a_verified_document_is_superseded_by_a_newer_one_of_the_same_customer(desk: Desk) -> None:
    old, new = await document(desk.owner, desk.clara.id), await document(desk.owner, desk.clara.id)
    foreign = await document(desk.owner, desk.dora.id)
    async with transaction(desk.worker) as session:
        with pytest.raises(WrongState):
            await documents.supersede(session, old, new)
        await documents.verify(session, old, None)
        with pytest.raises(WrongState):
            await documents.supersede(session, old, foreign)
        assert (await documents.supersede(session, old, new)).superseded_by == new


@pytest.mark.parametrize("scan", [None, ScanStatus.FAILED, ScanStatus.INFECTED])
async def test_what_the_scanner_has_not_passed_is_verified_by_nobody(desk: Desk, scan: ScanStatus | None) -> None:
    passport = await document(desk.owner, desk.clara.id, scan=scan)
    for engine, who in ((desk.api, desk.officer), (desk.worker, None)):
        with pytest.raises((DocumentNotScanned, WrongState)):
            async with transaction(engine, who.principal if who else None) as session:
                await documents.verify(session, passport, who.id if who else None)
    change = "verification_status = 'verified', verified_at = now(), reason_code = NULL"
    with pytest.raises(DBAPIError, match=r"has not passed the scanner|does not move"):
        await desk.changed(change)


async def test_an_infected_document_is_rejected_at_once_and_not_brought_back(desk: Desk) -> None:
    passport = await document(desk.owner, desk.clara.id, scan=ScanStatus.INFECTED)
    assert await desk.status(passport) == "rejected"
    async with transaction(desk.worker) as session:
        # The scanner is asked again, as after a crash.
        await documents.record_scan(session, passport, ScanStatus.INFECTED)
    assert await desk.status(passport) == "rejected"


async def test_nobody_decides_on_a_document_of_their_own(desk: Desk) -> None:
    own = await document(desk.owner, desk.officer.id)
    for act in (documents.verify, lambda *given: documents.reject(*given, reason_code="unreadable")):
        with pytest.raises(FourEyes):
            async with transaction(desk.api, desk.officer.principal) as session:
                await act(session, own, desk.officer.id)
    with pytest.raises(DBAPIError, match="kyc_documents_four_eyes"):
        await desk.changed("verification_status = 'verified', verified_at = now(), verified_by = user_id")


async def test_a_withdrawn_document_has_no_key_any_more(desk: Desk) -> None:
    passport = await document(desk.owner, desk.clara.id)
    async with transaction(desk.api, desk.clara.principal) as session:
        withdrawn = await documents.withdraw(session, passport, desk.clara.id)
    assert withdrawn.key_sealed is None
    with pytest.raises(ContentGone):
        withdrawn.check_readable()
    async with transaction(desk.api, desk.clara.principal) as session:
        with pytest.raises(WrongState):
            await documents.withdraw(session, passport, desk.clara.id)


async def test_a_decided_document_and_another_customers_are_not_withdrawn(desk: Desk) -> None:
    decided, foreign = await document(desk.owner, desk.clara.id), await document(desk.owner, desk.dora.id)
    async with transaction(desk.worker) as session:
        await documents.verify(session, decided, None)
    async with transaction(desk.api, desk.clara.principal) as session:
        with pytest.raises(WrongState):
            await documents.withdraw(session, decided, desk.clara.id)
        with pytest.raises(NotFound):
            await documents.withdraw(session, foreign, desk.clara.id)


async def test_of_two_officers_and_the_customer_who_act_at_once_one_is_heard(desk: Desk) -> None:
    passport = await document(desk.owner, desk.clara.id)
    second = await add_officer(desk.owner)

    async def act(who: Person, what: Callable[..., Any], **more: Any) -> str:
        try:
            async with transaction(desk.api, who.principal) as session:
                return str((await what(session, passport, who.id, **more)).verification_status)
        except (WrongState, NotFound) as refused:
            return refused.code

    heard = await asyncio.gather(
        act(desk.officer, documents.verify),
        act(second, documents.reject, reason_code="unreadable"),
        act(desk.clara, documents.withdraw),
    )
    # A rejection may still follow a verification; everything else is decided once.
    assert sorted(heard) in (
        ["rejected", "wrong_state", "wrong_state"],
        ["not_found", "rejected", "wrong_state"],
        ["rejected", "verified", "wrong_state"],
        ["not_found", "rejected", "verified"],
        ["withdrawn", "wrong_state", "wrong_state"],
    )


async def test_the_same_file_is_uploaded_once_even_twenty_times_at_once(desk: Desk) -> None:
    async def upload() -> str:
        try:
            async with transaction(desk.api, desk.clara.principal) as session:
                await documents.add(session, unsaved(desk.clara.id, upload_hash="a" * 64))
        except DocumentKnown as known:
            return known.code
        return "added"

    heard = await asyncio.gather(*(upload() for _ in range(20)))
    assert sorted(heard) == ["added", *["document_known"] * 19]


async def test_undecided_documents_are_limited(desk: Desk) -> None:
    async with transaction(desk.api, desk.clara.principal) as session:
        for _ in range(MOST_UNDECIDED):
            await documents.add(session, unsaved(desk.clara.id))
        with pytest.raises(TooManyDocuments):
            await documents.add(session, unsaved(desk.clara.id))
    async with transaction(desk.api, desk.dora.principal) as session:
        await documents.add(session, unsaved(desk.dora.id))


async def test_the_same_file_content_or_look_at_another_customer_is_found_nearest_first(desk: Desk) -> None:
    mine = await document(desk.owner, desk.clara.id, upload_hash="a" * 64, file_hash="b" * 64, picture_hash=-1)
    near = await document(desk.owner, desk.dora.id, picture_hash=-1 << 4)
    await document(desk.owner, desk.dora.id, picture_hash=-1 << 5)
    await document(desk.owner, desk.dora.id)
    await document(desk.owner, desk.clara.id, file_hash="b" * 64)
    kept = await document(desk.owner, desk.dora.id, file_hash="b" * 64)
    file = await document(desk.owner, desk.dora.id, upload_hash="a" * 64)
    async with transaction(desk.worker) as session:
        found = await documents.duplicates(session, mine)
    assert [(one.document_id, one.likeness, one.distance) for one in found] == [
        (kept, Likeness.CONTENT, 0),
        (file, Likeness.FILE, 0),
        (near, Likeness.PICTURE, 4),
    ]
    async with transaction(desk.api, desk.clara.principal) as session:
        assert await documents.duplicates(session, mine) == []


FORBIDDEN = {
    "another owner": "user_id = :officer",
    "another type": "document_type = 'tax_form'",
    "another content": "file_hash = repeat('c', 64)",
    "another object": "file_path = 'another-key-of-the-store'",
    "another picture": "picture_hash = 5",
    "another day": "expires_at = '2040-01-01'",
    "a scan that did not end": "scan_status = 'pending'",
    "a state without its moment": "verification_status = 'verified'",
    "a decision without its reason": "verification_status = 'rejected', verified_at = now()",
    "destroyed without saying so": "key_sealed = NULL",
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_the_database_refuses_what_no_code_should_do(desk: Desk, what: str) -> None:
    await document(desk.owner, desk.clara.id)
    with pytest.raises(DBAPIError):
        await desk.changed(FORBIDDEN[what].replace(":officer", f"'{desk.officer.id}'"))


@pytest.mark.parametrize(
    "change",
    [
        "verification_status = 'verified', verified_at = now(), verified_by = :other",
        "key_sealed = NULL, content_destroyed_at = now()",
        "key_sealed = sha256('k') || sha256('k')",
        "scan_status = 'clean', scanned_at = now()",
    ],
)
async def test_an_officer_decides_in_their_own_name_and_does_nothing_else(desk: Desk, change: str) -> None:
    await document(desk.owner, desk.clara.id)
    other = (await add_officer(desk.owner)).id
    with pytest.raises(DBAPIError):
        async with transaction(desk.api, desk.officer.principal) as session:
            await session.execute(
                text(f"UPDATE kyc_documents SET {change}"), {"other": other} if ":other" in change else {}
            )


async def test_a_destroyed_key_does_not_come_back_and_no_row_goes(desk: Desk) -> None:
    passport = await document(desk.owner, desk.clara.id)
    async with transaction(desk.api, desk.clara.principal) as session:
        await documents.withdraw(session, passport, desk.clara.id)
    for statement in (
        "UPDATE kyc_documents SET key_sealed = sha256('k') || sha256('k'), content_destroyed_at = NULL",
        "DELETE FROM kyc_documents",
    ):
        with pytest.raises(DBAPIError):
            async with transaction(desk.owner) as session:
                await session.execute(text(statement))
