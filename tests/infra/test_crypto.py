"""Personal data at rest: sealed to its place, opened with any key that is known, and not to be found in a dump."""

import asyncio
import base64
import os
import subprocess
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.crypto import (
    SEALED_FIELDS,
    BadFieldKey,
    FieldContext,
    FieldUnreadable,
    Keyring,
    UnknownFieldKey,
    key_id_of,
    weakness,
)
from infra.database import Principal, transaction
from infra.field_rotation import rotate
from infra.local.postgres import binaries
from infra.settings.door import DEVELOPMENT_FIELD_KEY, DoorSettings
from tests.databases import Database
from tests.factories.production import production
from tests.factories.sealed import fresh_key, sealed_values, store_seed, store_tax_id
from tests.factories.users import Person, add_customer

OLD, NEW = os.urandom(32), os.urandom(32)
PLACE = FieldContext("users", "tax_id_sealed", UUID(int=7))
NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
PLACES = st.builds(FieldContext, NAMES, NAMES, NAMES)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring({"old": OLD, "new": NEW}, "new")


@given(plaintext=st.binary(max_size=300), place=PLACES)
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, place: FieldContext) -> None:
    keyring = Keyring({"k": OLD}, "k")
    sealed = keyring.seal(plaintext, place)
    assert keyring.open(sealed, place) == plaintext
    assert keyring.seal(plaintext, place) != sealed
    assert key_id_of(sealed) == "k"
    assert sealed.startswith(keyring.current_header)


@given(PLACES, PLACES)
def test_it_opens_in_no_other_place(one: FieldContext, other: FieldContext) -> None:
    keyring = Keyring({"k": OLD}, "k")
    sealed = keyring.seal(b"secret", one)
    if one == other:
        return
    with pytest.raises(FieldUnreadable):
        keyring.open(sealed, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FieldContext("a", "bc", "d"), FieldContext("ab", "c", "d")),
        (FieldContext("a", "b", "cd"), FieldContext("a", "bc", "d")),
        (PLACE, FieldContext("users", "tax_id_sealed", UUID(int=8))),
        (PLACE, FieldContext("users", "seed_sealed", UUID(int=7))),
        (PLACE, FieldContext("totp_factors", "tax_id_sealed", UUID(int=7))),
    ],
)
def test_places_that_look_alike_are_different(keyring: Keyring, one: FieldContext, other: FieldContext) -> None:
    with pytest.raises(FieldUnreadable):
        keyring.open(keyring.seal(b"secret", one), other)


def test_an_id_opens_what_its_text_sealed(keyring: Keyring) -> None:
    sealed = keyring.seal(b"secret", PLACE)
    assert keyring.open(sealed, FieldContext(PLACE.table, PLACE.column, str(PLACE.row_id))) == b"secret"


def test_no_bit_of_it_may_change(keyring: Keyring) -> None:
    sealed = keyring.seal(b"JBSWY3DPEHPK3PXP", PLACE)
    for place in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            with pytest.raises(FieldUnreadable):
                keyring.open(bytes(changed), PLACE)


def test_neither_less_nor_more_of_it_opens(keyring: Keyring) -> None:
    sealed = keyring.seal(b"JBSWY3DPEHPK3PXP", PLACE)
    for wrong in [sealed[:end] for end in range(len(sealed))] + [sealed + b"\0", b"\0" + sealed, b"\xff" * 60]:
        with pytest.raises(FieldUnreadable):
            keyring.open(wrong, PLACE)


def test_a_value_cannot_be_passed_off_as_sealed_with_another_key(keyring: Keyring) -> None:
    same_key = Keyring({"new": NEW, "now": NEW}, "new")
    sealed = same_key.seal(b"secret", PLACE)
    with pytest.raises(FieldUnreadable):
        same_key.open(sealed.replace(b"new", b"now", 1), PLACE)
    with pytest.raises(UnknownFieldKey, match="new"):
        Keyring({"old": OLD}, "old").open(sealed, PLACE)


@pytest.mark.parametrize(
    ("keys", "current"),
    [
        ({}, "a"),
        ({"a": OLD}, "b"),
        ({"a": OLD[:31]}, "a"),
        ({"a": OLD + b"x"}, "a"),
        ({"A": OLD}, "A"),
        ({"": OLD}, ""),
        ({"a" * 33: OLD}, "a" * 33),
        ({"é": OLD}, "é"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(BadFieldKey):
        Keyring(keys, current)


def test_a_keyring_does_not_tell_its_keys(keyring: Keyring) -> None:
    assert repr(keyring) == "Keyring(['new', 'old'], current='new')"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (DEVELOPMENT_FIELD_KEY, "is text"),
        (base64.b64encode(b"correct horse battery staple !!!").decode(), "is text"),
        (base64.b64encode(bytes(32)).decode(), "repeats itself"),
        (base64.b64encode(bytes(range(0, 32, 4)) * 4).decode(), "repeats itself"),
        (base64.b64encode(bytes(range(16))).decode(), "has 16 bytes"),
        ("not base64 at all!", "is not base64"),
    ],
)
def test_production_refuses_weak_keys_and_does_not_repeat_them(key: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        production(field_keys={"good": fresh_key(), "weak": SecretStr(key)}, field_key_id="good")
    assert key not in str(refused.value)


def test_production_refuses_to_have_no_key_of_its_own() -> None:
    assert production(field_keys={"2026": fresh_key()}, field_key_id="2026").field_key_id == "2026"
    with pytest.raises(ValidationError, match="no key with the current id"):
        production(field_keys={}, field_key_id="2026")
    unset = DoorSettings()
    with pytest.raises(ValidationError, match="is text"):
        production(field_keys=unset.field_keys, field_key_id=unset.field_key_id)


def test_random_keys_are_not_called_weak() -> None:
    assert not [key for key in (os.urandom(32) for _ in range(2000)) if weakness(key)]


async def test_the_registry_names_every_sealed_column(owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        columns = await session.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_name LIKE '%\\_sealed'"
            )
        )
        assert {tuple(row) for row in columns} == {(field.table, field.column) for field in SEALED_FIELDS}


async def _people(owner: AsyncEngine, keyring: Keyring, count: int) -> list[Person]:
    people = [await add_customer(owner) for _ in range(count)]
    for number, person in enumerate(people):
        await store_tax_id(owner, keyring, person.id, f"tax-{number}")
        await store_seed(owner, keyring, person.id, f"seed-{number}".encode())
    return people


async def _opened(owner: AsyncEngine, keyring: Keyring, people: list[Person]) -> list[tuple[str, str]]:
    taxes = await sealed_values(owner, "users", "tax_id_sealed", "id")
    seeds = await sealed_values(owner, "totp_factors", "seed_sealed", "user_id")
    return [
        (
            keyring.open(taxes[person.id], FieldContext("users", "tax_id_sealed", person.id)).decode(),
            keyring.open(seeds[person.id], FieldContext("totp_factors", "seed_sealed", person.id)).decode(),
        )
        for person in people
    ]


async def _keys_in_use(owner: AsyncEngine) -> set[str]:
    found = [await sealed_values(owner, field.table, field.column, field.row_id) for field in SEALED_FIELDS]
    return {key_id_of(sealed) for values in found for sealed in values.values()}


async def test_a_rotation_leaves_nothing_under_the_old_key(owner_engine: AsyncEngine, keyring: Keyring) -> None:
    before = Keyring({"old": OLD}, "old")
    people = await _people(owner_engine, before, 7)
    await add_customer(owner_engine)  # who has neither
    expected = [(f"tax-{number}", f"seed-{number}") for number in range(7)]
    await store_tax_id(owner_engine, keyring, people[0].id, "tax-0")
    assert await _opened(owner_engine, keyring, people) == expected  # both keys at once, midway
    first = {done.field.table: done for done in await rotate(owner_engine, keyring, batch=3)}
    assert (first["users"].resealed, first["users"].current) == (6, 7)
    assert (first["totp_factors"].resealed, first["totp_factors"].current) == (7, 7)
    assert await _keys_in_use(owner_engine) == {"new"}
    assert await _opened(owner_engine, Keyring({"new": NEW}, "new"), people) == expected
    again = await rotate(owner_engine, keyring)
    assert [(done.resealed, done.left, done.complete) for done in again] == [(0, 0, True)] * len(SEALED_FIELDS)


class _PowerCut(Exception):
    """What ends a rotation midway."""


class _Failing(Keyring):
    """Works a few times."""

    def __init__(self, times: int) -> None:
        super().__init__({"old": OLD, "new": NEW}, "new")
        self.times = times

    def seal(self, plaintext: bytes, context: FieldContext) -> bytes:
        self.times -= 1
        if self.times < 0:
            raise _PowerCut
        return super().seal(plaintext, context)


async def test_an_interrupted_rotation_goes_on_where_it_was(owner_engine: AsyncEngine, keyring: Keyring) -> None:
    people = await _people(owner_engine, Keyring({"old": OLD}, "old"), 6)
    with pytest.raises(_PowerCut):
        await rotate(owner_engine, _Failing(5), batch=2)
    assert await _keys_in_use(owner_engine) == {"old", "new"}
    assert len(await _opened(owner_engine, keyring, people)) == 6
    rest = {done.field.table: done.resealed for done in await rotate(owner_engine, keyring, batch=2)}
    assert rest["users"] == 2  # two batches were committed, the third was not
    assert rest["totp_factors"] == 6
    assert await _opened(owner_engine, keyring, people) == [(f"tax-{n}", f"seed-{n}") for n in range(6)]


async def test_what_does_not_open_is_named_and_left(owner_engine: AsyncEngine, keyring: Keyring) -> None:
    before = Keyring({"old": OLD}, "old")
    people = await _people(owner_engine, before, 4)
    strange = await store_tax_id(owner_engine, Keyring({"lost": os.urandom(32)}, "lost"), people[1].id, "tax-1")
    moved = await store_tax_id(owner_engine, before, people[0].id, "tax-0")
    async with transaction(owner_engine) as session:
        await session.execute(
            text("UPDATE users SET tax_id_sealed = :sealed WHERE id = :id"), {"sealed": moved, "id": people[2].id}
        )
    done = {done.field.table: done for done in await rotate(owner_engine, keyring, batch=1)}
    assert sorted(done["users"].unreadable) == sorted(str(person.id) for person in people[1:3])
    assert (done["users"].resealed, done["users"].left, done["users"].complete) == (2, 2, False)
    assert done["totp_factors"].complete
    assert (await sealed_values(owner_engine, "users", "tax_id_sealed", "id"))[people[1].id] == strange


async def test_values_that_change_meanwhile_are_neither_lost_nor_brought_back(
    owner_engine: AsyncEngine, keyring: Keyring
) -> None:
    people = await _people(owner_engine, Keyring({"old": OLD}, "old"), 12)
    changed: dict[UUID, str] = {}

    async def change(round_: int) -> None:
        for person in people:
            changed[person.id] = f"new-{round_}-{person.id}"
            await store_tax_id(owner_engine, keyring, person.id, changed[person.id])

    await asyncio.gather(change(1), rotate(owner_engine, keyring, batch=2), rotate(owner_engine, keyring, batch=3))
    assert [tax for tax, _ in await _opened(owner_engine, keyring, people)] == [changed[p.id] for p in people]
    assert await _keys_in_use(owner_engine) == {"new"}


async def test_a_dump_shows_neither_seed_nor_tax_id(
    owner_engine: AsyncEngine, database: Database, keyring: Keyring
) -> None:
    person = await add_customer(owner_engine)
    seed, tax_id = os.urandom(20), f"{uuid4().int % 10**12:012d}"
    shown = base64.b32encode(seed).decode()
    await store_tax_id(owner_engine, keyring, person.id, tax_id)
    await store_seed(owner_engine, keyring, person.id, shown.encode())
    dump = [str(binaries() / "pg_dump"), "--inserts", database.owner_url]
    dumped = (await asyncio.to_thread(subprocess.run, dump, capture_output=True, check=True)).stdout
    assert str(person.id).encode() in dumped
    assert f"INSERT INTO public.totp_factors VALUES ('{person.id}', '\\x01".encode() in dumped
    secrets = [value for plain in (seed, shown.encode(), tax_id.encode()) for value in _spellings(plain)]
    assert not [secret for secret in secrets if secret.lower() in dumped.lower()]
    for key in (OLD, NEW):
        assert not [spelt for spelt in _spellings(key) if spelt.lower() in dumped.lower()]


def _spellings(plain: bytes) -> list[bytes]:
    """`plain` in every encoding somebody may have stored it in; base64 at each of its three alignments."""
    aligned = [base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    return [
        *(plain, plain[::-1], plain.hex().encode(), base64.b32encode(plain).rstrip(b"="), base64.b85encode(plain)),
        *(base64.b64encode(plain).rstrip(b"="), base64.urlsafe_b64encode(plain).rstrip(b"="), *aligned),
        *(plain.decode("latin-1").encode("utf-16-le"), plain.hex().encode().hex().encode()),
    ]


async def test_second_factors_are_their_owners_and_of_signing_in(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring
) -> None:
    me, other = await add_customer(owner_engine), await add_customer(owner_engine)
    for person in (me, other):
        await store_seed(owner_engine, keyring, person.id, b"seed")
    signing_in = Principal(user_id=None, role="authenticator")
    staff = Principal(user_id=uuid4(), role="super_admin", permissions=frozenset({"admin:users", "admin:system"}))
    for principal, seen in ((me.principal, {me.id}), (signing_in, {me.id, other.id}), (staff, set())):
        async with transaction(api_engine, principal) as session:
            rows = await session.execute(text("SELECT user_id FROM totp_factors"))
            assert set(rows.scalars()) == seen
    async with transaction(api_engine, me.principal) as session:
        changed = await session.execute(text("UPDATE totp_factors SET last_used_step = 5 RETURNING user_id"))
        assert set(changed.scalars()) == {me.id}
        gone = await session.execute(text("DELETE FROM totp_factors RETURNING user_id"))
        assert set(gone.scalars()) == {me.id}
    refused = [
        (
            api_engine,
            me.principal,
            f"INSERT INTO totp_factors (user_id, seed_sealed) VALUES ('{other.id}', sha256('x'))",
        ),
        (api_engine, signing_in, f"INSERT INTO recovery_codes (user_id, code_hash) VALUES ('{me.id}', sha256('x'))"),
        (worker_engine, signing_in, "SELECT seed_sealed FROM totp_factors"),
        (worker_engine, signing_in, "SELECT code_hash FROM recovery_codes"),
    ]
    for engine, principal, statement in refused:
        with pytest.raises(DBAPIError, match=r"row-level security|permission denied"):
            async with transaction(engine, principal) as session:
                await session.execute(text(statement))


def test_production_seals_what_temporal_keeps_with_a_key_of_its_own() -> None:
    unset = DoorSettings()
    with pytest.raises(ValidationError, match="AURUM_PAYLOAD_KEYS: the key development is text"):
        production(payload_keys=unset.payload_keys, payload_key_id=unset.payload_key_id)
    with pytest.raises(ValidationError, match="AURUM_PAYLOAD_ENCRYPTION"):
        production(payload_encryption=False)
    with pytest.raises(ValidationError, match="AURUM_PAYLOAD_KEYS: there is no key with the current id 'other'"):
        production(payload_key_id="other")
