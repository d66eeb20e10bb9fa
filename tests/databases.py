"""A real PostgreSQL for the tests: one server for a run, and fresh databases copied from a migrated template.

The server is the one of the embedded stack (`infra.local`), with the same settings, the same two roles beside
the owner, and durable commits. It belongs to the process that the person started: with xdist that is the
controller, which tells its workers where the server listens. It ends with that process, even if that one is
killed.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import conninfo, sql

from infra.database import migrate
from infra.local.parts import Part
from infra.local.stack import Stack

TEMPLATE: Final = "aurum_template"
_LOCK: Final = 7_203_002
_FEW_BYTES: Final = 64 * 1024
# The comment is set on what the migrations themselves filled.
_FILLED: Final = """
    WITH RECURSIVE kept AS (
        SELECT c.oid FROM pg_class c WHERE obj_description(c.oid, 'pg_class') = 'filled by migrations'
        UNION SELECT f.confrelid FROM pg_constraint f JOIN kept k ON f.conrelid = k.oid WHERE f.contype = 'f'
    )
    SELECT n.nspname, c.relname, pg_relation_size(c.oid), c.oid IN (SELECT oid FROM kept)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('public', 'app') AND pg_relation_size(c.oid) > 0
        AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM 'filled by migrations'
"""


@dataclass(frozen=True)
class Database:
    """The addresses of one database, by role."""

    name: str
    owner_url: str
    api_url: str
    worker_url: str

    def emptied(self, owner: psycopg.Connection) -> None:
        """Takes every row out that the migrations did not put in, over a connection of the owner in
        autocommit.

        Whoever is still in a transaction is disconnected first: a test that failed may have left one open.
        """
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        with owner.transaction():
            # Switches triggers and foreign keys off, those that refuse changes of the journal among them.
            owner.execute("SET LOCAL session_replication_role = replica")
            for schema, table, size, leads_to_kept in owner.execute(_FILLED).fetchall():
                # A few rows are deleted sooner than a table is given new files. And what is kept may name somebody:
                # to truncate that table would empty it as well.
                few = size <= _FEW_BYTES or leads_to_kept
                statement = "DELETE FROM {}" if few else "TRUNCATE {} CASCADE"
                owner.execute(sql.SQL(statement).format(sql.Identifier(schema, table)))


@dataclass(frozen=True)
class Server:
    """Where the PostgreSQL of this run listens. Plain values, so that it can be handed to another process."""

    port: int
    owner_role: str
    owner_password: str
    api_password: str
    worker_password: str

    def url(self, database: str) -> str:
        """The address of `database` as the owner."""
        return f"postgresql://{self.owner_role}:{self.owner_password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> Database:
        """A fresh database with the newest schema and no more in it than the migrations put there."""
        name = f"aurum_{secrets.token_hex(6)}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        with self._connect() as connection:
            self._make_template(connection)
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        place = f"127.0.0.1:{self.port}/{name}"
        return Database(
            name=name,
            owner_url=self.url(name),
            api_url=f"postgresql://aurum_api:{self.api_password}@{place}",
            worker_url=f"postgresql://aurum_worker:{self.worker_password}@{place}",
        )

    def drop(self, database: Database) -> None:
        """Removes `database`, and whoever is still connected to it."""
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def _make_template(self, connection: psycopg.Connection) -> None:
        """Migrates the template once for a run. It gets its name last, so that nobody copies a half of it."""
        present = "SELECT FROM pg_database WHERE datname = %s"
        if connection.execute(present, (TEMPLATE,)).fetchone() is not None:
            return
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            if connection.execute(present, (TEMPLATE,)).fetchone() is None:
                unfinished = sql.Identifier(f"{TEMPLATE}_unfinished")
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(unfinished))
                connection.execute(sql.SQL("CREATE DATABASE {}").format(unfinished))
                migrate(self.url(f"{TEMPLATE}_unfinished"))
                self._mark_filled(f"{TEMPLATE}_unfinished")
                self._set_passwords(connection)
                rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                connection.execute(rename.format(unfinished, sql.Identifier(TEMPLATE)))
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))

    def _mark_filled(self, database: str) -> None:
        with psycopg.connect(self.url(database)) as connection:
            for schema, table, _, _ in connection.execute(_FILLED).fetchall():
                comment = sql.SQL("COMMENT ON TABLE {} IS 'filled by migrations'")
                connection.execute(comment.format(sql.Identifier(schema, table)))

    def _set_passwords(self, connection: psycopg.Connection) -> None:
        passwords = {"aurum_api": self.api_password, "aurum_worker": self.worker_password}
        for role, password in passwords.items():
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
            connection.execute(statement)


def described(stack: Stack) -> Server:
    """The server of a stack whose database runs."""
    secrets_ = stack.site.secrets
    return Server(
        port=stack.site.ports["db"],
        owner_role=str(conninfo.conninfo_to_dict(stack.site.owner_url)["user"]),
        owner_password=secrets_.owner_password,
        api_password=secrets_.api_password,
        worker_password=secrets_.worker_password,
    )


@contextmanager
def stack_of_database() -> Iterator[Stack]:
    """A running server in a folder of its own, gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="aurum-tests-"))
    try:
        with Stack(folder) as stack:
            stack.start([Part.DB], migrate=False)
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server() -> Iterator[Server]:
    """The server of a test run."""
    with stack_of_database() as stack:
        yield described(stack)


def packed(running: Server) -> dict[str, int | str]:
    """`running` in the form that xdist carries to its workers."""
    return asdict(running)
