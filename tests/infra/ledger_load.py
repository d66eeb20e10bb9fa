"""A process that works the ledger: `python -m tests.infra.ledger_load WORKER_URL OWNER_URL SEED STEPS`.

Posts through a `LedgerWriter`, and places, releases and captures holds in transactions of its own, all chosen
by SEED: started again with the same seed it asks for the same things. Each thing that the database has
acknowledged is one line on standard output, `posted <transaction id>`; whoever kills this process can then
hold the database to it.
"""

import asyncio
import random
import sys
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import connect, transaction
from infra.ledger import LedgerWriter
from models.errors import AurumError
from models.ledger import Entry, HoldStatus, InternalPurpose, PostedEntry
from models.tables import ledger
from tests.factories.ledger import entry, with_fee

CALLERS = 8


class Load:
    """What one process does."""

    def __init__(self, writer: LedgerWriter, engine: AsyncEngine, seed: int, accounts: list[tuple[UUID, UUID]]) -> None:
        self._writer = writer
        self._engine = engine
        self._seed = seed
        self._accounts = accounts

    async def caller(self, number: int, steps: int) -> None:
        """One after the other, `steps` things."""
        for step in range(steps):
            await self._step(f"{self._seed}/{number}/{step}")

    async def _step(self, name: str) -> None:
        chance = random.Random(name)
        (source, customer), (target, _) = chance.sample(self._accounts, 2)
        minor = chance.randint(1, 4_000)
        kind = chance.choices(["transfer", "fee", "reversal", "captured", "released"], [5, 2, 1, 1, 1])[0]
        wanted = entry(source, target, minor, key=f"load/{name}", on_behalf_of=customer)
        try:
            match kind:
                case "transfer":
                    _acknowledge(await self._writer.post(wanted))
                case "fee":
                    async with transaction(self._engine) as session:
                        fees = await ledger.internal_account(session, InternalPurpose.FEES, "EUR")
                    _acknowledge(await self._writer.post(with_fee(source, target, fees, minor, 7, key=wanted.key)))
                case "reversal":
                    booked = await self._writer.post(wanted)
                    _acknowledge(booked)
                    back = entry(target, source, minor, key=f"{wanted.key}/back", reversal_of=booked.transaction_id)
                    _acknowledge(await self._writer.post(back))
                case _:
                    await self._hold(uuid5(NAMESPACE_OID, name), customer, wanted, keep=kind == "captured")
        except AurumError:
            return  # the money was spent elsewhere

    async def _hold(self, owner: UUID, customer: UUID, wanted: Entry, *, keep: bool) -> None:
        source = wanted.legs[0].account_id
        async with transaction(self._engine) as session:
            hold = await ledger.place_hold(session, source, wanted.amount_minor, "wire", owner, customer)
        if not keep:
            async with transaction(self._engine) as session:
                await ledger.release_hold(session, "wire", owner)
            return
        async with transaction(self._engine) as session:
            booked = await ledger.post_one(session, wanted.model_copy(update={"captures": hold}))
            held = await ledger.hold_of(session, "wire", owner)
            assert held is not None
            assert held.status is HoldStatus.CAPTURED
        _acknowledge(booked)


def _acknowledge(booked: PostedEntry) -> None:
    sys.stdout.write(f"posted {booked.transaction_id}\n")
    sys.stdout.flush()


async def main(worker_url: str, owner_url: str, seed: int, steps: int) -> None:
    """Does it all, with several callers at once."""
    with psycopg.connect(owner_url) as connection:
        accounts = connection.execute(
            "SELECT id, user_id FROM accounts WHERE user_id IS NOT NULL ORDER BY account_number"
        ).fetchall()
    engine = connect(worker_url, pool_size=4)
    async with LedgerWriter(worker_url) as writer:
        load = Load(writer, engine, seed, accounts)
        await asyncio.gather(*(load.caller(number, steps) for number in range(CALLERS)))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
