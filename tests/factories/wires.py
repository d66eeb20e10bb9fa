"""People with money, and wires of theirs, made the way the bank makes them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import Principal, transaction
from models.errors import NotFound
from models.ledger import Entry, InternalPurpose, Leg
from models.money import exponent
from models.screening import Identifier, IdentifierKind, Kind, ListedEntity
from models.screening.lists import Imported
from models.tables import ledger, sanctions, wires
from models.tables.sanctions import imports
from models.tables.wires import Wire, compliance
from models.tables.wires.compliance import Ruler, Wish
from models.wires import WireOrder
from models.wires.compliance import ABOUT_HITS, Ruling

CUSTOMER_RIGHTS = frozenset({"accounts:read", "transactions:read", "wires:read", "wires:create"})
OFFICER_RIGHTS = frozenset({"wires:read", "wires:approve", "admin:compliance"})
SENIOR_RIGHTS = OFFICER_RIGHTS | {"wires:high_value"}


@dataclass(frozen=True)
class People:
    """One customer with money in two currencies, three officers, one of operations."""

    customer: UUID
    usd_account: UUID
    eur_account: UUID
    officers: tuple[UUID, UUID]
    senior: UUID
    operations: UUID

    def as_customer(self) -> Principal:
        """The rights of the customer."""
        return Principal(user_id=self.customer, role="customer", permissions=CUSTOMER_RIGHTS)

    def as_officer(self, which: int = 0) -> Principal:
        """The rights of an officer."""
        return Principal(user_id=self.officers[which], role="admin", permissions=OFFICER_RIGHTS)

    def as_senior(self) -> Principal:
        """The rights of the senior officer."""
        return Principal(user_id=self.senior, role="admin", permissions=SENIOR_RIGHTS)


async def person(
    engine: AsyncEngine, name: str, *, role: str = "customer", rights: frozenset[str] = CUSTOMER_RIGHTS
) -> UUID:
    """A person who passed the identity check."""
    async with transaction(engine) as session:
        user_id = uuid7()
        await session.execute(
            text(
                "INSERT INTO users (id, email, first_name, last_name, role, permissions, kyc_status, tier, address)"
                " VALUES (:id, :email, :first, :last, :role, :rights, 'approved', 'private', cast(:address AS jsonb))"
            ),
            {
                "id": user_id,
                "email": f"{name.lower().replace(' ', '.')}.{user_id.hex[-6:]}@aurum.example",
                "first": name.split(maxsplit=1)[0],
                "last": name.rsplit(maxsplit=1)[-1],
                "role": role,
                "rights": sorted(rights),
                "address": '{"street": "Kanaalweg", "building": "1", "town": "Utrecht", "country": "NL"}',
            },
        )
    return user_id


async def account(engine: AsyncEngine, owner: UUID, currency: str, minor: int) -> UUID:
    """An account with money that came from the bank's opening account."""
    account_id = uuid7()
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO accounts (id, user_id, account_number, account_type, currency, exponent, floor_minor)"
                " VALUES (:id, :owner, :number, 'checking', :currency, :exponent, 0)"
            ),
            {
                "id": account_id,
                "owner": owner,
                "number": account_id.hex[-12:].upper(),
                "currency": currency,
                "exponent": exponent(currency),
            },
        )
        if minor:
            opening = await ledger.internal_account(session, InternalPurpose.OPENING, currency)
            await ledger.post_one(
                session,
                Entry(
                    key=f"opening/{account_id}",
                    kind="opening",
                    currency=currency,
                    amount_minor=minor,
                    legs=(Leg(account_id=opening, amount_minor=-minor), Leg(account_id=account_id, amount_minor=minor)),
                ),
            )
    return account_id


LISTED = (
    ListedEntity(id="AD-1", kind=Kind.PERSON, name="Viktor Grimsholm", countries=("XX",)),
    ListedEntity(
        id="AD-2",
        kind=Kind.BANK,
        name="Bank of Nowhere",
        countries=("NL",),
        identifiers=(Identifier(kind=IdentifierKind.BIC, value="NOWHNL2A"),),
    ),
)


async def sanctions_list(
    engine: AsyncEngine,
    version: str = "2026-11-01",
    *,
    more: tuple[ListedEntity, ...] = (),
    entries: tuple[ListedEntity, ...] = LISTED,
    name: str = "AURUM-DEMO",
) -> Imported:
    """A short list of fictional entries becomes the newest version."""
    async with transaction(engine) as session:
        await sanctions.register(session, name)
        staging = await imports.begin(session, name)
        await imports.stage(session, staging, [*entries, *more])
        taken = await imports.take(
            session, staging, label=version, source="tests", sha256=bytes(32), loaded_by="tests", accept_drop=True
        )
    await rates(engine)
    return taken


async def rates(engine: AsyncEngine) -> None:
    """What the desk's currencies are worth in the base currency, and what blocked dollars earn, for good."""
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO fx_rates (base_currency, target_currency, rate, effective_from, provider)"
                " VALUES ('EUR', 'USD', 1.08, '2000-01-01', 'simulated'),"
                " ('EUR', 'GBP', 0.85, '2000-01-01', 'simulated') ON CONFLICT DO NOTHING"
            )
        )
        await session.execute(
            text(
                "INSERT INTO blocked_interest_rates (currency, from_day, millionths, note, published_by)"
                " SELECT 'USD', '2000-01-01', 30000, 'tests', 'tests'"
                " WHERE NOT EXISTS (SELECT FROM blocked_interest_rates)"
            )
        )


async def people(
    engine: AsyncEngine, *, usd: int = 10_000_000_00, eur: int = 500_000_00, listed: bool = True
) -> People:
    """Everybody that a wire needs, with a loaded sanctions list unless there is one already."""
    customer = await person(engine, "Clara Fontaine")
    officers = [await person(engine, f"Otto Officer{n}", role="admin", rights=OFFICER_RIGHTS) for n in (1, 2)]
    senior = await person(engine, "Sanna Senior", role="admin", rights=SENIOR_RIGHTS)
    operations = await person(engine, "Olga Operations", role="admin", rights=frozenset({"admin:system"}))
    if listed:
        await sanctions_list(engine)
    return People(
        customer=customer,
        usd_account=await account(engine, customer, "USD", usd),
        eur_account=await account(engine, customer, "EUR", eur),
        officers=(officers[0], officers[1]),
        senior=senior,
        operations=operations,
    )


def order(people: People, **changes: Any) -> WireOrder:
    """A wire of 1,000.00 USD to a fictional supplier."""
    return WireOrder.model_validate(
        {
            "sender_account_id": people.usd_account,
            "amount_minor": 1_000_00,
            "currency": "USD",
            "recipient_name": "Globex Trading Ltd",
            "recipient_bank_name": "Test Bank",
            "recipient_bank_swift": "TESTUS33",
            "recipient_account_number": "000123456789",
            "recipient_country": "US",
            "reference": "Invoice 7",
        }
        | changes
    )


async def ordered(engine: AsyncEngine, people: People, **changes: Any) -> Wire:
    """A wire that the customer has ordered, by the API's own role and act."""
    async with transaction(engine, people.as_customer()) as session:
        return await wires.place(session, people.customer, order(people, **changes))


async def approved(engine: AsyncEngine, people: People, wire_id: UUID, which: int = 0) -> Wire:
    """An officer approves, by the API's own role and act."""
    async with transaction(engine, people.as_officer(which)) as session:
        return await wires.approve(session, wire_id, people.officers[which], senior=False, comment="seen")


async def called(engine: AsyncEngine, wire_id: UUID | str, result: str = "confirmed") -> None:
    """Somebody of the staff has called the customer on a number known for long, where the wire takes a call-back."""
    async with transaction(engine) as session:
        due = await session.execute(
            text(
                "SELECT w.user_id FROM wire_transfers w JOIN wire_routings r ON r.wire_id = w.id"
                " WHERE w.id = CAST(:id AS uuid) AND r.call_back"
            ),
            {"id": str(wire_id)},
        )
        customer = due.scalar_one_or_none()
    if customer is None:
        return
    await known_number(engine, customer)
    caller = await person(engine, "Cora Caller", role="admin", rights=frozenset({"wires:read"}))
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO wire_call_backs (wire_id, maker_id, content_hash, number, known_since, spoken_to, result,"
                " called_by) SELECT w.id, u.id, w.content_hash, u.phone, u.phone_since, 'Clara', :result, :caller"
                " FROM wire_transfers w JOIN users u ON u.id = w.user_id WHERE w.id = CAST(:id AS uuid)"
            ),
            {"id": str(wire_id), "result": result, "caller": caller},
        )


async def known_number(engine: AsyncEngine, customer: UUID, since: str = "2000-01-01") -> None:
    """The bank knows a telephone number of the customer since then."""
    async with transaction(engine) as session:
        await session.execute(text("UPDATE users SET phone = '+31201234567' WHERE id = :id"), {"id": customer})
        await session.execute(
            text("UPDATE users SET phone_since = CAST(CAST(:since AS text) AS timestamptz) WHERE id = :id"),
            {"id": customer, "since": since},
        )


async def ruled(engine: AsyncEngine, people: People, wire_id: UUID, ruling: Ruling = Ruling.CLEAR, **wish: Any) -> Wire:
    """Two officers, one of them senior, rule: about every open hit of a wire, or about its money."""
    about_hits = ruling in ABOUT_HITS
    async with transaction(engine, people.as_officer()) as session:
        hits = [one.id for one in await compliance.unsettled(session, wire_id)] if about_hits else [None]
        for hit in hits:
            wished = Wish(ruling, "looked into", hit, **wish)
            wire = await compliance.rule(session, wire_id, Ruler(people.officers[0], senior=False), wished)
    if not hits:
        raise NotFound("there is no open hit")
    async with transaction(engine, people.as_senior()) as session:
        for hit in hits:
            wire = await compliance.confirm_ruling(session, wire_id, Ruler(people.senior, senior=True), hit_id=hit)
    return wire


async def books(engine: AsyncEngine) -> dict[str, Any]:
    """What the ledger says of itself: breaches of its rules, totals by currency, entries by key."""
    async with transaction(engine) as session:
        keys = (await session.execute(text("SELECT idempotency_key FROM transactions ORDER BY 1"))).scalars().all()
        return {
            "breaches": await ledger.proof(session),
            "totals": await ledger.totals(session),
            "wire_entries": [key for key in keys if key.startswith("wire/")],
        }
