"""A balance read as customers have it (token, live session, row level security, limits, log) against a bare FastAPI
route with one indexed select, on the same database, in turns; as in `tests.bench.auth`, each a process of its own."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey

from infra.database import connect, transaction
from infra.settings import Settings
from infra.tokens import Tokens
from tests.bench.auth import ROUNDS, Side, paired, serving
from tests.bench.parts import Aim, Measure, part
from tests.databases import server
from tests.factories.accounts import account
from tests.factories.auth import claims_of, session_for
from tests.factories.users import add_customer

AIM: Final = Aim(0.6)


@part("balance")
async def balance() -> AsyncIterator[Measure]:
    """The throughput of a balance read, and of a bare route."""
    with tempfile.TemporaryDirectory(prefix="aurum-bench-") as name, server() as postgres:
        folder = Path(name)
        key = folder / "signing.pem"
        key.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
        database = postgres.create()
        owner = connect(database.owner_url, pool_size=2)
        person = await add_customer(owner)
        async with transaction(owner) as session:
            account_id = await account(session, person.id, 1_000_00)
        token = Tokens(Settings(signing_key_file=key)).sign(claims_of(person, await session_for(owner, person)))
        await owner.dispose()
        path = f"/api/v1/accounts/{account_id}/balance"
        with (
            serving("api.main:create_app", database.api_url, key, folder) as ours,
            serving("tests.bench.bare_read:create_app", database.worker_url, key, folder) as bare,
        ):
            sides = (
                Side(*ours, "aurum_api", f"Authorization: Bearer {token}\r\n"),
                Side(*bare, "aurum_worker", ""),
            )
            for _ in range(ROUNDS + 1):
                for side in sides:
                    await side.turn(path, database.owner_url)
    value, floor = paired(sides[0].rates, sides[1].rates)
    yield Measure("balance.reads", round(value, 1), "per second", floor=floor, aim=AIM)
    value, floor = paired(sides[0].processor, sides[1].processor)
    yield Measure("balance.read_processor", round(value, 3), "ms", floor=floor)
