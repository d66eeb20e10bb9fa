"""Second factors for tests: an authenticator app in a few lines."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.second_factor import seed_context
from infra.crypto import Keyring
from infra.database import transaction
from infra.settings import Settings
from models.factors import code_at
from tests.factories.auth import bearer, signed_in
from tests.factories.users import Person

LOGIN = "/api/v1/auth/login"
FACTORS = "/api/v1/users/2fa"


class App:
    """Somebody's authenticator app. Each code of it is of a later step than the one before, as time goes by."""

    def __init__(self, person: Person, seed: str, recovery_codes: list[str]) -> None:
        self.person = person
        self.seed = seed
        self.recovery_codes = recovery_codes

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later (earlier where negative)."""
        return code_at(self.seed, datetime.now(UTC) + timedelta(seconds=30 * steps))

    async def log_in(self, client: AsyncClient, code: str | None = None) -> Response:
        """Asks to sign in with the password, and a code where one is given."""
        body = {"email": self.person.email, "password": self.person.password}
        return await client.post(LOGIN, json=body | ({} if code is None else {"code": code}))

    async def challenge(self, client: AsyncClient) -> str:
        """What signing in without a code is answered with."""
        asked = (await self.log_in(client)).json()
        assert asked == {
            "success": True,
            "data": {"two_factor_required": True, "challenge": asked["data"]["challenge"]},
        }
        return str(asked["data"]["challenge"])


async def forget_codes(owner: AsyncEngine) -> None:
    """Lets time go by, as far as used codes and wrong ones go: the codes of now are good again."""
    async with transaction(owner) as session:
        await session.execute(text("UPDATE totp_factors SET last_used_step = 0, wrong_codes = 0, wrong_code_at = NULL"))


async def enrolled(
    client: AsyncClient, application: FastAPI, owner: AsyncEngine, person: Person
) -> tuple[App, dict[str, str]]:
    """Turns two-factor sign-in on over HTTP. Gives the app, and the header of the session that did it."""
    me = await signed_in(application, owner, person)
    begun = await client.post(f"{FACTORS}/setup", headers=me)
    assert begun.status_code == 200, begun.text
    app = App(person, begun.json()["secret"], [])
    turned_on = await client.post(f"{FACTORS}/enable", json={"code": app.code()}, headers=me)
    assert turned_on.status_code == 200, turned_on.text
    app.recovery_codes = turned_on.json()["recovery_codes"]
    await forget_codes(owner)
    return app, me


async def stored_seed(owner: AsyncEngine, person: Person) -> str:
    """What is sealed in the database."""
    config = Settings()
    async with transaction(owner) as session:
        row = await session.execute(text("SELECT seed_sealed FROM totp_factors WHERE user_id = :id"), {"id": person.id})
        sealed = bytes(row.scalar_one())
    keyring = Keyring.of(config.field_keys, config.field_key_id)
    return keyring.open(sealed, seed_context(person.id)).decode()


def tokens_of(answer: Response) -> dict[str, Any]:
    """The tokens of an answer that signs somebody in."""
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()["data"]["tokens"]
    return tokens


def header_of(answer: Response) -> dict[str, str]:
    """The header of a session that an answer has started."""
    return bearer(tokens_of(answer)["accessToken"])
