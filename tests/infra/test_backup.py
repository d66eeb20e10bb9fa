"""A backup, and the bank that comes back from it: the books, the audit log, the rights, the files."""

import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_anchors import AnchorFile, keep_head
from infra.crypto import Keyring
from infra.database import Principal, connect, transaction
from infra.providers.store import DocumentVault, FolderStore
from models.tables.accounts import accounts_of
from models.tables.kyc import documents
from tests.databases import Database, Server
from tests.factories import wires as make
from tests.factories.audit import add_lines, sealer
from tests.factories.commands import admin
from tests.factories.documents import unsaved
from tests.factories.sealed import fresh_key
from tests.factories.users import Person, add_customer

_NAMED_BY_WHAT_STAYS = """
    SELECT n.nspname || '.' || c.relname, a.attname
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
    WHERE f.contype = 'f' AND NOT a.attnotnull
        AND obj_description(f.conrelid, 'pg_class') = 'filled by migrations'
        AND obj_description(f.confrelid, 'pg_class') IS DISTINCT FROM 'filled by migrations'
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """What the commands are told beside the database."""
    return {
        "AURUM_AUDIT_ANCHOR_FILE": str(tmp_path / "heads.jsonl"),
        "AURUM_STORE_DIR": str(tmp_path / "store"),
        "AURUM_FIELD_KEYS": json.dumps({"k": fresh_key().get_secret_value()}),
        "AURUM_FIELD_KEY_ID": "k",
    }


@dataclass(frozen=True)
class Heads:
    """The file of kept heads, read and written by hand."""

    path: Path

    def text(self) -> str:
        """What is in it."""
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        """Puts `text` into it."""
        self.path.write_text(text, encoding="utf-8")

    def put_aside(self) -> list[int]:
        """How many heads are in each file that was put aside."""
        aside = sorted(self.path.parent.glob(f"{self.path.name}.until-*"))
        return [one.read_text(encoding="utf-8").count("\n") for one in aside]


@pytest.fixture(autouse=True)
def _nobody_is_named_who_is_gone(database: Database) -> None:
    """What migrations filled stays between tests, and may name a person whom an earlier test took away: no such
    database could be restored."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for table, column in connection.execute(_NAMED_BY_WHAT_STAYS).fetchall():
            nobody = "UPDATE {table} SET {column} = NULL WHERE {column} IS NOT NULL"
            connection.execute(
                sql.SQL(nobody).format(table=sql.Identifier(*table.split(".")), column=sql.Identifier(column))
            )


@asynccontextmanager
async def _elsewhere(server: Server, database: Database) -> AsyncIterator[Database]:
    """An empty database beside the one of the test."""
    name = f"restored_{secrets.token_hex(4)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    new = replace(
        database,
        name=name,
        owner_url=server.url(name),
        api_url=database.api_url.replace(database.name, name),
        worker_url=database.worker_url.replace(database.name, name),
    )
    try:
        yield new
    finally:
        server.drop(new)


async def _a_bank_at_work(
    owner: AsyncEngine, worker: AsyncEngine, settings: dict[str, str]
) -> tuple[Person, FolderStore, str]:
    """A customer with money and a document, and a sealed audit log whose head is kept."""
    person = await add_customer(owner)
    await make.account(owner, person.id, "USD", 5_000_00)
    keys = json.loads(settings["AURUM_FIELD_KEYS"])
    store = FolderStore(Path(settings["AURUM_STORE_DIR"]))
    vault = DocumentVault(store, Keyring.of({name: SecretStr(key) for name, key in keys.items()}, "k"))
    row = unsaved(person.id, file_path=DocumentVault.new_path())
    content = b"a passport"
    row.key_sealed = await vault.keep(row.id, row.file_path, io.BytesIO(content))
    row.file_hash = hashlib.sha256(content).hexdigest()
    async with transaction(owner) as session:
        await documents.add(session, row)
    await _sealed(owner, worker, settings, 3)
    return person, store, row.file_path


async def _sealed(owner: AsyncEngine, worker: AsyncEngine, settings: dict[str, str], lines: int) -> None:
    await add_lines(owner, lines)
    await sealer(worker).seal(None)
    await keep_head(owner, AnchorFile(Path(settings["AURUM_AUDIT_ANCHOR_FILE"])))


async def test_the_bank_comes_back_whole(
    postgres: Server,
    database: Database,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    settings: dict[str, str],
    tmp_path: Path,
) -> None:
    person, store, path = await _a_bank_at_work(owner_engine, worker_engine, settings)
    saved = tmp_path / "saved"
    status, told, complaint = await admin(database, "backup", str(saved), **settings)
    assert (status, complaint) == (0, "")
    assert json.loads(told)["audit_seal"] == 3
    assert (saved / "store" / path).read_bytes() == (tmp_path / "store" / path).read_bytes()
    assert (await admin(database, "backup", str(saved), **settings))[0] == 1

    async with _elsewhere(postgres, database) as restored:
        status, told, complaint = await admin(restored, "restore", str(saved), **settings)
        assert (status, complaint) == (0, ""), told
        assert told.count("ok  ") == 6
        status, told, _ = await admin(restored, "restore-verify", **settings)
        assert (status, told.count("ok  ")) == (0, 4), told
        assert "1 files open and match their hashes" in told
        await _rights_hold(restored, person)
        # Into what is there already nothing is restored.
        status, _, complaint = await admin(restored, "restore", str(saved), **settings)
        assert (status, "The database is not empty" in complaint) == (1, True)
        # A file that is not as its row says.
        await store.remove(path)
        status, told, _ = await admin(restored, "restore-verify", **settings)
        assert (status, "WRONG  the documents: 1 of 1 files do not open" in told) == (1, True)


async def _rights_hold(restored: Database, person: Person) -> None:
    engine = connect(restored.api_url, pool_size=1)
    try:
        async with transaction(engine, Principal(user_id=person.id, role="customer")) as session:
            assert len(await accounts_of(session, person.id)) == 1
        stranger = Principal(user_id=None, role="customer")
        async with transaction(engine, stranger) as session:
            assert await accounts_of(session, person.id) == []
    finally:
        await engine.dispose()
    with psycopg.connect(restored.api_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO postings DEFAULT VALUES")
    with psycopg.connect(restored.owner_url) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("DELETE FROM audit_logs")


async def test_what_was_done_since_the_backup_is_told_as_lost(
    postgres: Server,
    database: Database,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    settings: dict[str, str],
    tmp_path: Path,
) -> None:
    await _sealed(owner_engine, worker_engine, settings, 2)
    heads = Heads(Path(settings["AURUM_AUDIT_ANCHOR_FILE"]))
    assert (await admin(database, "backup", str(tmp_path / "saved"), **settings))[0] == 0
    earlier = heads.text()
    await _sealed(owner_engine, worker_engine, settings, 2)
    # As if the first head were of an hour before, and so kept for good.
    heads.write(earlier + heads.text().splitlines()[-1] + "\n")

    async with _elsewhere(postgres, database) as restored:
        status, told, _ = await admin(restored, "restore", str(tmp_path / "saved"), **settings)
        assert (status, "WRONG  the audit log ends at seal 2" in told) == (1, True), told
        status, told, _ = await admin(restored, "audit-anchor-rewind", "--reason", "restored", **settings)
        assert (status, told.startswith("Put aside: ")) == (0, True)
        assert heads.text() == earlier
        assert heads.put_aside() == [2]
        assert (await admin(restored, "restore-verify", **settings))[0] == 0
        # The line about it is sealed like any other, and its head is kept.
        engine, worker = connect(restored.owner_url, pool_size=1), connect(restored.worker_url, pool_size=1)
        await _sealed(engine, worker, settings, 0)
        await engine.dispose()
        await worker.dispose()
        assert heads.text() != earlier
        assert (await admin(restored, "audit-verify", **settings))[0] == 0


async def test_a_damaged_backup_is_not_restored(
    postgres: Server, database: Database, settings: dict[str, str], tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    assert (await admin(database, "backup", str(saved), **settings))[0] == 0
    content = bytearray((saved / "database.dump").read_bytes())
    content[-1] ^= 1
    (saved / "database.dump").write_bytes(content)
    async with _elsewhere(postgres, database) as restored:
        status, _, complaint = await admin(restored, "restore", str(saved), **settings)
        assert (status, "is not the file that was written" in complaint) == (1, True)
        with psycopg.connect(restored.owner_url) as connection:
            assert connection.execute("SELECT to_regclass('public.users')").fetchone() == (None,)
