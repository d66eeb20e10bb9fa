"""What operations do to people, letters and files of the bank when the console is away."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from infra.database import transaction
from infra.providers.bank import FolderChannel
from models.tables.users import find_user
from tests.databases import Database
from tests.factories.commands import admin
from tests.factories.users import add_customer

WHY = ("--reason", "they called us")


async def _audited(owner: AsyncEngine) -> list[tuple[str, bool | None]]:
    async with transaction(owner) as session:
        rows = await session.execute(
            text(
                "SELECT action, CAST(new_values ->> 'changed' AS boolean) AS changed, actor_role, new_values"
                " FROM audit_logs ORDER BY id"
            )
        )
        lines = rows.all()
    assert all(line.actor_role == "operator" and line.new_values["operator"] for line in lines)
    assert all(line.new_values["reason"] == WHY[1] for line in lines)
    return [(line.action, line.changed) for line in lines]


async def test_a_person_is_frozen_told_and_let_go_on(database: Database, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    assert await admin(database, "person-freeze", person.email.upper(), *WHY) == (0, "freeze: done\n", "")
    assert await admin(database, "person-freeze", person.email, *WHY) == (0, "freeze: nothing to do\n", "")
    async with transaction(owner_engine) as session:
        found = await find_user(session, person.email)
        told = await session.execute(text("SELECT event, subject FROM notifications ORDER BY id"))
        assert [tuple(row) for row in told] == [("frozen", "Your access is restricted")]
    assert found is not None
    assert found.status == "frozen"
    assert (await admin(database, "person-unfreeze", person.email, *WHY))[1] == "unfreeze: done\n"
    assert (await admin(database, "person-end-sessions", person.email, *WHY))[1] == "end-sessions: nothing to do\n"
    assert (await admin(database, "person-reset-2fa", person.email, *WHY))[1] == "reset-2fa: nothing to do\n"
    assert await _audited(owner_engine) == [
        ("admin.freeze", True),
        ("admin.freeze", False),
        ("admin.unfreeze", True),
        ("admin.end-sessions", False),
        ("admin.reset-2fa", False),
    ]
    assert (await admin(database, "person-freeze", "nobody@aurum.example", *WHY))[0] == 1
    assert (await admin(database, "person-freeze", person.email, "--reason", " "))[0] == 2


async def test_the_first_officer_is_added_without_a_password(database: Database, owner_engine: AsyncEngine) -> None:
    new = ("staff-add", "Kim.Okafor@bank.aurum.example", "--first-name", "Kim", "--last-name", "Okafor")
    assert (await admin(database, *new, "--preset", "owner", *WHY))[0] == 2
    status, told, complaint = await admin(database, *new, "--preset", "super_admin", *WHY)
    assert (status, complaint, "added as super_admin" in told) == (0, "", True)
    async with transaction(owner_engine) as session:
        found = await find_user(session, "kim.okafor@bank.aurum.example")
    assert found is not None
    assert (found.role, found.preset, found.password_hash) == ("super_admin", "super_admin", None)
    assert (await admin(database, *new, "--preset", "auditor", *WHY))[0] == 1
    assert await _audited(owner_engine) == [("admin.staff-add", True)]


async def test_a_file_of_the_bank_is_listed_read_again_and_dismissed(
    database: Database, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    assert await admin(database, "quarantine-list") == (0, "", "")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.xml").write_bytes(b"no message")
    reader = BankInbox(worker_engine, FolderChannel(tmp_path / "outbox", inbox))
    await reader.read_waiting()
    status, told, _ = await admin(database, "quarantine-list")
    assert (status, "quarantined  a.xml: " in told) == (1, True)
    file = told.split()[0]
    assert await admin(database, "quarantine-read-again", file, *WHY) == (0, f"{file}: to_read_again\n", "")
    # The reader looks again, by the same rules.
    await reader.read_waiting()
    assert await admin(database, "quarantine-dismiss", file, *WHY) == (0, f"{file}: dismissed\n", "")
    assert (await admin(database, "quarantine-dismiss", file, *WHY))[0] == 1
    assert await admin(database, "quarantine-list") == (0, "", "")
    assert "dismissed  a.xml" in (await admin(database, "quarantine-list", "--all"))[1]
    assert await _audited(owner_engine) == [("quarantine.to_read_again", None), ("quarantine.dismissed", None)]


async def test_a_letter_that_was_refused_is_sent_again_or_left(database: Database, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    assert await admin(database, "mail-list") == (0, "", "")
    async with transaction(owner_engine) as session:
        added = await session.execute(
            text(
                "INSERT INTO notifications (user_id, key, event, subject, body, status, reason, tries) VALUES"
                " (:user, 'a', 'wire.completed', 'A wire', 'It is paid.', 'failed', 'no such mailbox', 1),"
                " (:user, 'b', 'wire.completed', 'A wire', 'It is paid.', 'uncertain', 'no answer', 1)"
                " RETURNING key, id"
            ),
            {"user": person.id},
        )
        letters = {row.key: str(row.id) for row in added}
    status, told, _ = await admin(database, "mail-list")
    assert (status, len(told.splitlines())) == (1, 2)
    assert "It is paid." not in told
    assert await admin(database, "mail-send-again", letters["a"], *WHY) == (0, f"{letters['a']}: is sent again\n", "")
    assert await admin(database, "mail-leave", letters["b"], *WHY) == (0, f"{letters['b']}: is left\n", "")
    assert (await admin(database, "mail-leave", letters["b"], *WHY))[0] == 1
    # Until it has left.
    status, told, _ = await admin(database, "mail-list")
    assert (status, told.count("waiting"), len(told.splitlines())) == (1, 1, 1)
    async with transaction(owner_engine) as session:
        asked = await session.execute(text("SELECT workflow_id FROM outbox ORDER BY id"))
        assert asked.scalars().all() == [f"notification/{letters['a']}/again/1"]
    assert await _audited(owner_engine) == [("mail.send_again", None), ("mail.leave", None)]
