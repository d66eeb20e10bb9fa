"""The formula of the audit chain, byte by byte, and in SQL as in Python."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from models.audit_chain import COLUMNS, FORMULA, GENESIS, Link, chain_hash, chained, row_hash
from models.tables.audit_seals import ROW_HASH, TEXTS
from tests.databases import Database

# As PostgreSQL stores them: any text without U+0000, any jsonb, times of its whole range.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.just(UTC)).map(str) | st.sampled_from(
    ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31 23:59:59.999999", "2026-10-25 01:30:00+02"]
)
TYPES = {
    "id": "bigint",
    "at": "timestamptz",
    "user_id": "uuid",
    "old_values": "jsonb",
    "new_values": "jsonb",
    "session_id": "uuid",
    "duration_ms": "numeric",
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "timestamptz": TIMES,
    "uuid": st.none() | st.uuids(),
    "numeric": st.none() | st.decimals(allow_nan=False) | st.just(Decimal("NaN")),
    "jsonb": st.none() | JSON.map(Jsonb),
    "text": st.none() | TEXT,
}


def test_the_bytes_of_a_row_are_these() -> None:
    texts = ["7", "2026-11-21T22:00:00.5", None, "é", ""]
    expected = (
        b"\x01row" + b"\x00\x00\x00\x017" + b"\x00\x00\x00\x152026-11-21T22:00:00.5"
        b"\xff\xff\xff\xff" + b"\x00\x00\x00\x02\xc3\xa9" + b"\x00\x00\x00\x00"
    )
    assert row_hash(1, texts) == hashlib.sha256(expected).digest()


def test_the_bytes_of_a_seal_are_these() -> None:
    at = int(datetime(2026, 11, 21, 22, tzinfo=UTC).timestamp()) * 1_000_000 + 1
    first, second = chained(None, at, [(5, b"a" * 32), (9, b"b" * 32)])
    numbers = (1).to_bytes(8) + (5).to_bytes(8) + at.to_bytes(8)
    assert first.chain_hash == hashlib.sha256(b"\x01seal" + GENESIS + numbers + b"a" * 32).digest()
    assert second.follows(first.chain_hash)
    assert (second.chain_seq, second.audit_id, second.head.chain_seq) == (2, 9, 2)
    assert second.head.sealed_at == datetime(2026, 11, 21, 22, 0, 0, 1, tzinfo=UTC)
    (third,) = chained(second, at, [(7, b"c" * 32)])
    assert third.chain_seq == 3
    assert third.follows(second.chain_hash)


@given(st.integers(0, 4), st.binary(min_size=32, max_size=32))
def test_everything_in_a_seal_counts(field: int, previous: bytes) -> None:
    link = Link(3, 8, b"r" * 32, b"", FORMULA, 1_000)
    other = [
        link._replace(chain_seq=4),
        link._replace(audit_id=9),
        link._replace(row_hash=b"s" * 32),
        link._replace(formula=2),
        link._replace(sealed_us=1_001),
    ][field]
    assert chain_hash(previous, link) != chain_hash(previous, other)


@given(st.lists(st.none() | TEXT, max_size=5), st.lists(st.none() | TEXT, max_size=5))
def test_no_two_rows_are_the_same_bytes(one: list[str | None], other: list[str | None]) -> None:
    assert (row_hash(1, one) == row_hash(1, other)) == (one == other)


def test_sql_and_python_agree_whatever_a_row_holds(database: Database) -> None:
    columns = COLUMNS[FORMULA]
    types = [TYPES.get(column, "text") for column in columns]
    given_row = ", ".join(f"%s::{kind} AS {column}" for column, kind in zip(columns, types, strict=True))
    statement: Any = f"SELECT {ROW_HASH}, {', '.join(TEXTS)} FROM (SELECT {given_row}) a"
    with psycopg.connect(database.owner_url, autocommit=True) as connection:

        @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.tuples(*(VALUES[kind] for kind in types)))
        def agree(row: tuple[Any, ...]) -> None:
            hashed, *texts = connection.execute(statement, row).fetchone() or ()
            assert row_hash(FORMULA, texts) == hashed

        # The text of a time is the same whatever a session prefers.
        for preference in ("datestyle = 'German'", "timezone = 'Asia/Kathmandu'", "intervalstyle = 'iso_8601'"):
            connection.execute(f"SET {preference}")
            agree()
        row = ["7", "2026-11-21 22:00:00.500+00", *[None] * 11, Decimal("1.50"), "x", None]
        _, *texts = connection.execute(statement, row).fetchone() or ()
        assert (texts[0], texts[1], texts[-3], texts[-2]) == ("7", "2026-11-21T22:00:00.5", "1.50", "x")
