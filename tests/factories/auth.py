"""Signing in, for tests: by the front door, and the quick way for tests about something else."""

import time
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.crypto import FieldContext, Keyring
from infra.database import Principal, transaction
from infra.settings import Settings
from models.auth import Claims, permissions_of
from models.notifications import HIDDEN
from models.tables.auth import open_session
from tests.factories.users import Person


async def sign_in(client: AsyncClient, person: Person) -> dict[str, Any]:
    """Signs in over HTTP and returns the answer's data: `user` and `tokens`."""
    answered = await client.post("/api/v1/auth/login", json={"email": person.email, "password": person.password})
    assert answered.status_code == 200, answered.text
    data: dict[str, Any] = answered.json()["data"]
    return data


def bearer(access_token: str) -> dict[str, str]:
    """The header of a signed-in request."""
    return {"Authorization": f"Bearer {access_token}"}


def claims_of(person: Person, session_id: UUID, **changed: Any) -> Claims:
    """What an access token of `person` says, except for what is `changed`."""
    now = int(time.time())
    return Claims.model_validate(
        {
            "sub": person.id,
            "email": person.email,
            "role": person.role,
            "tier": "standard",
            "permissions": permissions_of(person.role, person.preset),
            "iat": now,
            "exp": now + 900,
            "jti": "test",
            "sid": session_id,
            "auth_time": now,
            "amr": ("pwd",),
            **changed,
        }
    )


async def session_for(owner: AsyncEngine, person: Person) -> UUID:
    """A new session of `person`, without a password."""
    async with transaction(owner, Principal(user_id=person.id, role="authenticator")) as session:
        opened = await open_session(session, person.id, amr=("pwd",), ip_address=None, user_agent=None)
    return opened.id


async def mailed_secret(owner: AsyncEngine, event: str) -> str:
    """The secret that the last mail about `event` tells its reader."""
    config = Settings()
    async with transaction(owner) as session:
        row = (
            await session.execute(
                text("SELECT id, body, secret_sealed FROM notifications WHERE event = :event ORDER BY id DESC LIMIT 1"),
                {"event": event},
            )
        ).one()
    assert HIDDEN in row.body
    context = FieldContext("notifications", "secret_sealed", row.id)
    return Keyring.of(config.field_keys, config.field_key_id).open(bytes(row.secret_sealed), context).decode()


async def letters(owner: AsyncEngine) -> list[tuple[str, str | None]]:
    """What was written, oldest first: the event, and the address where it is not the person's own."""
    async with transaction(owner) as session:
        rows = await session.execute(text("SELECT event, to_email FROM notifications ORDER BY id"))
        return [(row.event, row.to_email) for row in rows]


async def age_session(owner: AsyncEngine, person: Person, minutes: int = 6) -> None:
    """Lets that many minutes go by since the person last proved who they are."""
    async with transaction(owner) as session:
        await session.execute(
            text("UPDATE sessions SET auth_time = auth_time - make_interval(mins => :m) WHERE user_id = :id"),
            {"m": minutes, "id": person.id},
        )


async def signed_in(app: FastAPI, owner: AsyncEngine, person: Person) -> dict[str, str]:
    """The header of a request of `person`, who is given a session without the work of a password."""
    return bearer(app.state.parts.tokens.sign(claims_of(person, await session_for(owner, person))))
