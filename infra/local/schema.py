"""What the database holds before the API and the worker may start: schema, logins, seeded people."""

import json
import traceback
from typing import Final

import psycopg
from psycopg import sql
from pydantic import SecretStr

from infra.local.folder import write_atomically
from infra.local.parts import StackError
from infra.local.site import Site

_LOCK: Final = 7_203_003


def prepare_database(site: Site) -> None:
    """Migrate, give the two roles their passwords, seed, and remember the seeded people. Safe to repeat.

    Raises `StackError`; the whole story is then in the folder's `log/schema.log`.
    """
    # Lazily: a start of other parts needs none of it, and importing it takes most of a second.
    from infra.crypto import Keyring  # noqa: PLC0415 # as said
    from infra.database import migrate  # noqa: PLC0415 # as said
    from infra.seed import seed  # noqa: PLC0415 # as said

    try:
        # What the API and the worker of this stack are given.
        given = site.environment({})
        keys = {name: SecretStr(key) for name, key in json.loads(given["AURUM_FIELD_KEYS"]).items()}
        migrate(site.owner_url)
        set_passwords(site)
        people = seed(site.owner_url, Keyring.of(keys, given["AURUM_FIELD_KEY_ID"]))
    except Exception as error:
        site.folder.log("schema").write_text(traceback.format_exc(), encoding="utf-8")
        first_line = str(error).strip().split("\n", 1)[0]
        raise StackError(
            f"The database could not be migrated and seeded: {type(error).__name__}: {first_line} "
            f"(see {site.folder.log('schema')})."
        ) from error
    write_atomically(site.folder.people_file, json.dumps(people, indent=1))


def set_passwords(site: Site) -> None:
    """Lets the roles of the API and the worker log in with this stack's passwords."""
    passwords = {"aurum_api": site.secrets.api_password, "aurum_worker": site.secrets.worker_password}
    with psycopg.connect(site.owner_url) as connection:
        # Two supervisors that start at once would change the same rows of the catalogue, which PostgreSQL refuses.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for role, password in passwords.items():
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
            connection.execute(statement)
