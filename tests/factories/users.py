"""People for tests: real rows, with a password that is quick to check."""

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import Principal, transaction
from models.auth import permissions_of

PASSWORD = "harbour lantern quiet"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    id: UUID
    email: str
    password: str
    role: str
    preset: str | None

    @property
    def principal(self) -> Principal:
        """The person's rights in the database."""
        return Principal(user_id=self.id, role=self.role, permissions=permissions_of(self.role, self.preset))


@lru_cache(maxsize=8)
def quick_hash(password: str) -> str:
    """An Argon2id hash with the least work."""
    return Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


async def _add(owner: AsyncEngine, role: str, preset: str | None, columns: dict[str, object]) -> Person:
    person_id = uuid7()
    values = {
        "id": person_id,
        "email": f"person-{person_id.hex[-12:]}@people.example",
        "password_hash": quick_hash(PASSWORD),
        "first_name": "Mira",
        "last_name": "Example",
        "role": role,
        "preset": preset,
        **columns,
    }
    names = ", ".join(["email_verified_at", *values])
    places = ", ".join(["now()", *(f":{name}" for name in values)])
    async with transaction(owner) as session:
        await session.execute(text(f"INSERT INTO users ({names}) VALUES ({places})"), values)
    return Person(person_id, str(values["email"]), PASSWORD, role, preset)


async def add_customer(owner: AsyncEngine, *, kyc_status: str = "approved", **columns: object) -> Person:
    """A customer with a verified address."""
    return await _add(owner, "customer", None, {"kyc_status": kyc_status, **columns})


async def add_officer(owner: AsyncEngine, preset: str = "compliance_officer", **columns: object) -> Person:
    """Somebody of the bank's staff."""
    return await _add(owner, "super_admin" if preset == "super_admin" else "admin", preset, columns)
