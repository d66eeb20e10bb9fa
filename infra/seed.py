"""What a fresh bank starts with: fictional people with money, the bank's own accounts, holidays, a sanctions list.

For the embedded stack. Everything is added once, so that it can run at each start; money comes from a bank-owned
account by entries of the ledger, never by a balance set by hand.
"""

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from infra.crypto import FieldContext, Keyring
from infra.database import connect, transaction
from infra.passwords import Passwords
from infra.settings import settings
from infra.watchlists import BUNDLED_FILE, import_file
from models.accounts import AccountType
from models.fx import SIMULATED
from models.ledger import Entry, InternalPurpose, credit, debit
from models.money import to_minor
from models.screening import CountryRule
from models.screening.sources import BUNDLED, Format
from models.tables import sanctions
from models.tables.accounts import Account, accounts_of, open_account
from models.tables.calendars import top_up
from models.tables.factors import enable_factor, prepare_factor
from models.tables.ledger import internal_account, post_one
from models.tables.users import find_user
from models.tables.wires import blocked
from models.wires.interest import InterestRate

DATA: Final = Path(__file__).parent / "seed_data"
CURRENCIES: Final = ("USD", "EUR", "GBP")
FICTIONAL_LIST: Final = "AURUM-DEMO"
NOSTRO_FUNDS: Final = "100000000.00"
# One seed at a time, whichever processes start together.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7203001)")


def seed(owner_url: str, keyring: Keyring | None = None) -> list[dict[str, Any]]:
    """Adds what is missing to the database at `owner_url` (owner role, migrated) and returns its people.

    Each person is `{email, password, role, preset?, permissions?, totp_secret?, name, user_id}`; `permissions` are what
    they may do beside their preset. `keyring` seals what is personal; where none is given it is the one of this
    process's settings.
    """
    if keyring is None:
        keyring = Keyring.of(settings().field_keys, settings().field_key_id)
    return asyncio.run(_seed(owner_url, keyring))


def seeded_addresses() -> list[str]:
    """The e-mail addresses of the seeded people, whose passwords everybody can read."""
    return [person["email"].lower() for person in _people()]


def _people() -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = json.loads((DATA / "people.json").read_text(encoding="utf-8"))["people"]
    return people


async def _seed(owner_url: str, keyring: Keyring) -> list[dict[str, Any]]:
    people = _people()
    engine = connect(owner_url, pool_size=1, name="aurum-seed")
    passwords = Passwords()
    try:
        async with transaction(engine) as session:
            await session.execute(_LOCK)
            await top_up(session, datetime.now(UTC).date())
            await _add_sanctions(session)
            await _add_rates(session)
            await _add_interest_rates(session)
            for currency in CURRENCIES:
                await _add_internal_accounts(session, currency)
            ids = [await _add_person(session, passwords, keyring, person) for person in people]
    finally:
        passwords.close()
        await engine.dispose()
    return [_described(person, user_id) for person, user_id in zip(people, ids, strict=True)]


def _described(person: dict[str, Any], user_id: UUID) -> dict[str, Any]:
    told: dict[str, Any] = {
        key: person[key]
        for key in ("email", "password", "role", "preset", "permissions", "totp_secret")
        if key in person
    }
    return {**told, "name": f"{person['first_name']} {person['last_name']}", "user_id": str(user_id)}


async def _add_person(session: AsyncSession, passwords: Passwords, keyring: Keyring, person: dict[str, Any]) -> UUID:
    known = await find_user(session, person["email"])
    user_id = known.id if known else await _insert_person(session, passwords, person)
    if known is None and "totp_secret" in person:
        await _add_factor(session, keyring, user_id, person["totp_secret"])
    opened = {account.currency for account in await accounts_of(session, user_id)}
    for currency, minor in person.get("money", {}).items():
        if currency not in opened:
            account = await open_account(session, user_id, AccountType.CHECKING, currency, f"{currency} account")
            await _fund(session, account, minor)
    return user_id


async def _insert_person(session: AsyncSession, passwords: Passwords, person: dict[str, Any]) -> UUID:
    added = await session.execute(
        text(
            "INSERT INTO users (email, email_verified_at, password_hash, first_name, last_name, phone, date_of_birth,"
            " address, role, preset, permissions, tier, kyc_status, kyc_review_due)"
            " VALUES (:email, now(), :password_hash, :first_name, :last_name, :phone, CAST(:date_of_birth AS date),"
            " CAST(:address AS jsonb), :role, :preset, :permissions, :tier, :kyc_status,"
            " CASE WHEN :role = 'customer' AND :kyc_status = 'approved' THEN now() + interval '3 years' END)"
            " RETURNING id"
        ),
        {
            "phone": None,
            "date_of_birth": None,
            "preset": None,
            "permissions": [],
            "tier": "standard",
            "kyc_status": "not_started",
            **person,
            "address": json.dumps(person["address"]) if "address" in person else None,
            "password_hash": await passwords.hash(person["password"]),
        },
    )
    user_id = UUID(str(added.scalar_one()))
    # They are customers of long standing: their numbers are good for a call-back.
    await session.execute(
        text("UPDATE users SET phone_since = now() - interval '1 year' WHERE id = :id AND phone IS NOT NULL"),
        {"id": user_id},
    )
    return user_id


async def _add_factor(session: AsyncSession, keyring: Keyring, user_id: UUID, secret: str) -> None:
    sealed = keyring.seal(secret.encode(), FieldContext("totp_factors", "seed_sealed", user_id))
    await prepare_factor(session, user_id, sealed)
    await enable_factor(session, user_id)


async def _fund(session: AsyncSession, account: Account, minor: int) -> None:
    opening = await internal_account(session, InternalPurpose.OPENING, account.currency)
    await post_one(
        session,
        Entry(
            key=f"opening/{account.account_number}",
            kind="opening",
            currency=account.currency,
            amount_minor=minor,
            legs=(debit(opening, minor), credit(account.id, minor)),
            from_account_id=opening,
            to_account_id=account.id,
            description="Opening funds",
        ),
    )


async def _add_internal_accounts(session: AsyncSession, currency: str) -> None:
    own = {purpose: await internal_account(session, purpose, currency) for purpose in InternalPurpose}
    minor = to_minor(NOSTRO_FUNDS, currency)
    nostro, opening = own[InternalPurpose.NOSTRO], own[InternalPurpose.OPENING]
    # What we keep at the correspondent is an asset: debited, against what the bank was opened with.
    await post_one(
        session,
        Entry(
            key=f"opening/nostro/{currency}",
            kind="opening",
            currency=currency,
            amount_minor=minor,
            legs=(debit(nostro, minor), credit(opening, minor)),
            from_account_id=nostro,
            to_account_id=opening,
            description="Opening funds at the correspondent",
        ),
    )


async def _add_sanctions(session: AsyncSession) -> None:
    """The fictional list, as the refresh would take it in, and the places under embargo."""
    await sanctions.register(session, FICTIONAL_LIST)
    await import_file(
        session,
        BUNDLED_FILE,
        list_name=FICTIONAL_LIST,
        format_=Format.AURUM_JSON,
        source=BUNDLED,
        loaded_by="seed",
    )
    if not await sanctions.country_rules(session):
        listed = json.loads((DATA / "embargoes.json").read_text(encoding="utf-8"))
        await sanctions.put_country_rules(session, [CountryRule.model_validate(one) for one in listed["places"]])


async def _add_rates(session: AsyncSession) -> None:
    """Fixed rates that say that they are simulated: amounts are compared by them, and nothing is exchanged."""
    await session.execute(
        text(
            "INSERT INTO fx_rates (base_currency, target_currency, rate, effective_from, provider) VALUES"
            " (:base, :target, CAST(:rate AS numeric), '2026-01-01', :provider) ON CONFLICT DO NOTHING"
        ),
        [
            {"base": "EUR", "target": target, "rate": rate, "provider": SIMULATED}
            for target, rate in (("USD", "1.08"), ("GBP", "0.85"))
        ],
    )


async def _add_interest_rates(session: AsyncSession) -> None:
    """What blocked property earns in a bank that publishes nothing else."""
    for currency, millionths in (("EUR", 15_000), ("USD", 30_000), ("GBP", 30_000)):
        if not await blocked.rates(session, currency):
            rate = InterestRate(from_day=date(2026, 1, 1), millionths=millionths)
            await blocked.publish_rate(session, currency, rate, note=SIMULATED, operator="seed")
