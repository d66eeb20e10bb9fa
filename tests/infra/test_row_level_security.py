"""Row level security from outside: with the API's own role, by SQL, nobody reads or writes what is somebody else's.

The tables are those of the catalogue, so that a new one is looked at without anybody thinking of it; and one that
names a person, an account or a wire and has no row level security fails here.
"""

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import AUTHENTICATOR, Principal
from models.auth import CUSTOMER_PERMISSIONS
from tests.databases import Database
from tests.factories.belongings import belongings
from tests.factories.wires import person

# Columns by which a row belongs to somebody.
OWNING: Final = (
    r"^(user|account|wire|payment|standing_order|owner|maker|officer|session|actor|customer"
    r"|(sender|from|to)_account)_id$"
)
# What signing in needs to see of everybody, before it knows who somebody is.
OF_SIGNING_IN: Final = {
    "users",
    "sessions",
    "refresh_tokens",
    "email_tokens",
    "totp_factors",
    "recovery_codes",
    "sign_in_failures",
    "sign_in_places",
}
# What signing in may add: a newcomer, a letter, a line of the audit log in nobody's name.
ADDED_BY_SIGNING_IN: Final = OF_SIGNING_IN | {"notifications"}


# No row reached, or no right to ask. Any other refusal is of a rule that comes after: a row was reached.
NOTHING: Final = ((0, ""), (-1, "42501"))


@dataclass
class Outside:
    """A connection with the API's role, as the API would have it for somebody."""

    api: psycopg.Connection
    owner: psycopg.Connection

    def become(self, who: Principal | None) -> None:
        """Sets who asks; None sets nothing."""
        if who is not None:
            self.api.execute(
                "SELECT set_config('app.user_id', %s, true), set_config('app.role', %s, true),"
                " set_config('app.permissions', %s, true)",
                (str(who.user_id or ""), who.role, ",".join(sorted(who.permissions))),
            )

    def attempt(self, who: Principal | None, statement: sql.Composed, values: Any = ()) -> tuple[int, str]:
        """Runs `statement` as somebody and undoes it. Gives the number of rows, or -1 and why it was refused."""
        try:
            with self.api.transaction(force_rollback=True):
                self.become(who)
                return self.api.execute(statement, values).rowcount, ""
        except psycopg.Error as error:
            return -1, error.sqlstate or ""

    def secured(self) -> list[str]:
        """The tables with row level security."""
        rows = self.owner.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relrowsecurity ORDER BY 1"
        )
        return [str(row[0]) for row in rows]

    def names_somebody(self, table: str) -> bool:
        """Whether a row of `table` belongs to somebody, by its columns or by the row of another table it refers to."""
        found = self.owner.execute(
            "WITH RECURSIVE named AS (SELECT %(table)s::regclass::oid AS id UNION"
            " SELECT c.confrelid FROM pg_constraint c JOIN named n ON c.conrelid = n.id AND c.contype = 'f')"
            " SELECT EXISTS (SELECT FROM pg_attribute a JOIN named n ON n.id = a.attrelid"
            " WHERE a.attname ~ %(owning)s)",
            {"table": table, "owning": OWNING},
        ).fetchone()
        return found == (True,)

    def columns(self, table: str, right: str) -> list[str]:
        """The columns of `table` that the API's role has a right to."""
        rows = self.owner.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' AND attidentity <> 'a'"
            " AND has_column_privilege('aurum_api', attrelid, attnum, %s) ORDER BY attnum",
            (table, right),
        )
        return [str(row[0]) for row in rows]


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


@pytest.fixture
async def victim(owner_engine: AsyncEngine, api_engine: AsyncEngine) -> str:
    """Somebody who has a row in every table. Their id."""
    everybody, _ = await belongings(owner_engine, api_engine)
    return str(everybody.customer)


@pytest.fixture
def outside(database: Database, victim: str) -> Any:
    with (
        psycopg.connect(database.api_url) as api,
        psycopg.connect(database.owner_url, autocommit=True) as owner,
    ):
        yield Outside(api, owner)


@pytest.fixture
async def attacker(owner_engine: AsyncEngine, victim: str) -> Principal:
    """Another customer, who has nothing but themselves."""
    stranger = await person(owner_engine, "Mallory Other")
    return Principal(user_id=stranger, role="customer", permissions=CUSTOMER_PERMISSIONS)


def test_every_table_that_names_somebody_has_row_level_security(database: Database) -> None:
    with psycopg.connect(database.owner_url) as owner:
        bare = owner.execute(
            "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND a.attname ~ %s",
            (OWNING,),
        ).fetchall()
        views = owner.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'v'"
            " AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)"
            " AND has_table_privilege('aurum_api', c.oid, 'SELECT')"
        ).fetchall()
        powers = owner.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'aurum_api'").fetchone()
        owned = owner.execute("SELECT count(*) FROM pg_class WHERE relowner = 'aurum_api'::regrole").fetchone()
    assert bare == [], "these name somebody and show everything to everybody"
    assert views == [], "a view shows what its owner sees, unless it is made WITH (security_invoker = true)"
    assert powers == (False,)
    assert owned == (0,)


def test_nobody_sees_what_is_somebody_elses(outside: Outside, victim: str, attacker: Principal) -> None:
    """Every table that keeps something of somebody holds something of the victim, and none of it is seen by others."""
    empty: list[str] = []
    seen: list[Any] = []
    for table in outside.secured():
        everything = sql.SQL("SELECT FROM {}").format(sql.Identifier(table))
        if outside.names_somebody(table) and not outside.owner.execute(everything).rowcount:
            empty.append(table)
        by_others = {name: outside.attempt(who, everything) for name, who in (("stranger", None), ("other", attacker))}
        own = 1 if table == "users" else 0
        if by_others["other"] not in {*NOTHING, (own, "")} or by_others["stranger"] not in NOTHING:
            seen.append((table, by_others))
        if table not in OF_SIGNING_IN and outside.attempt(AUTHENTICATOR, everything)[0] > 0:
            seen.append((table, "signing in"))
    assert not empty, f"put a row of the victim into these (tests/factories/belongings.py): {empty}"
    assert not seen


def test_the_attack_would_be_seen_if_it_worked(outside: Outside, victim: str) -> None:
    """The same questions, asked by the victim, find something in what is a customer's."""
    me = Principal(user_id=UUID(victim), role="customer", permissions=CUSTOMER_PERMISSIONS)
    for table in (
        "users",
        "accounts",
        "holds",
        "transactions",
        "postings",
        "wire_transfers",
        "wire_events",
        "sessions",
    ):
        assert outside.attempt(me, sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))[0] > 0, table


def test_nobody_changes_or_removes_what_is_somebody_elses(outside: Outside, victim: str, attacker: Principal) -> None:
    changed = []
    for table in outside.secured():
        name = sql.Identifier(table)
        # By what it is, without a look first: an UPDATE that reads no column asks for no right to read.
        statements = [("DELETE", sql.SQL("DELETE FROM {}").format(name))]
        for column in outside.columns(table, "UPDATE"):
            set_null = sql.SQL("UPDATE {} SET {} = DEFAULT").format(name, sql.Identifier(column))
            statements.append((f"UPDATE {column}", set_null))
        for what, statement in statements:
            attempts = {"stranger": outside.attempt(None, statement)}
            if table != "users":
                attempts["other"] = outside.attempt(attacker, statement)
            if table not in OF_SIGNING_IN:
                attempts["signing in"] = outside.attempt(AUTHENTICATOR, statement)
            changed += [(table, what, who, found) for who, found in attempts.items() if found not in NOTHING]
    assert not changed


def test_a_customer_changes_no_other_person(outside: Outside, victim: str, attacker: Principal) -> None:
    for column in outside.columns("users", "UPDATE"):
        statement = sql.SQL("UPDATE users SET {} = DEFAULT WHERE id <> {}").format(
            sql.Identifier(column), sql.Literal(str(attacker.user_id))
        )
        assert outside.attempt(attacker, statement) in NOTHING, column
    rights = {"role", "preset", "permissions", "tier", "kyc_status", "risk_level", "status", "deleted_at"}
    assert not rights & set(outside.columns("users", "UPDATE"))


def test_nobody_adds_in_somebody_elses_name(outside: Outside, victim: str, attacker: Principal) -> None:
    """A copy of each row of the victim, put in by others: refused by row level security, before any other rule."""
    added = []
    for table in outside.secured():
        columns = outside.columns(table, "INSERT")
        if not columns:
            continue
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        row = outside.owner.execute(
            sql.SQL("SELECT {} FROM {} ORDER BY 1 LIMIT 1").format(names, sql.Identifier(table))
        ).fetchone()
        assert row is not None
        places = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places)
        # An array of objects is JSON too; one of plain values is an array of the database.
        values = [Jsonb(one) if isinstance(one, dict) or _holds_objects(one) else one for one in row]
        attempts = {
            "stranger": outside.attempt(None, statement, values),
            "other": outside.attempt(attacker, statement, values),
        }
        if table not in ADDED_BY_SIGNING_IN:
            attempts["signing in"] = outside.attempt(AUTHENTICATOR, statement, values)
        added += [(table, who, found) for who, found in attempts.items() if found != (-1, "42501")]
    assert not added


def test_rights_are_asked_once_for_a_statement(database: Database) -> None:
    # What asks nothing of the row stands in a subquery (decision 0048); who asks, and as what, costs nothing to ask.
    each_row = r"(?<!SELECT )app\.(?!user_id|role|signing_in)\w+\(('[^']*'::text)?\)"
    with psycopg.connect(database.owner_url) as owner:
        policies = owner.execute(
            "SELECT tablename, policyname, condition FROM pg_policies, unnest(ARRAY[qual, with_check]) condition"
            " WHERE condition LIKE '%app.%' ORDER BY 1, 2"
        ).fetchall()
    assert len(policies) > 100
    assert not [one for one in policies if not one[2].startswith("( SELECT ") and re.search(each_row, one[2])]


def test_who_asks_does_not_stay_on_the_connection(outside: Outside, victim: str) -> None:
    me = Principal(user_id=UUID(victim), role="customer", permissions=CUSTOMER_PERMISSIONS)
    everything = sql.SQL("SELECT FROM {}").format(sql.Identifier("accounts"))
    with outside.api.transaction():
        outside.become(me)
        assert outside.api.execute(everything).rowcount > 0
    assert outside.attempt(None, everything)[0] == 0


def test_a_made_up_person_has_nothing(outside: Outside, victim: str) -> None:
    nobody = Principal(user_id=uuid7(), role="customer", permissions=CUSTOMER_PERMISSIONS)
    for table in outside.secured():
        found = outside.attempt(nobody, sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
        assert found in NOTHING, table
