"""PostgreSQL: engines by role, and `transaction()`, the only place in the repository that commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from alembic import command
from alembic.config import Config
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from infra.tracing import commit_span, trace_statements

MIGRATIONS = Path(__file__).parent / "migrations"


class Principal(BaseModel):
    """Whose rights a transaction has. Row level security reads it (`app.user_id()`, `app.role()`, `app.may()`)."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID | None
    role: str
    permissions: frozenset[str] = frozenset()


# The API before anybody is signed in: may look up people and tokens, and nothing of the bank.
AUTHENTICATOR = Principal(user_id=None, role="authenticator")
# The API as it hands on events: reads those of everybody, and nothing else of the bank.
FAN_OUT = Principal(user_id=None, role="fan_out")


def driver_url(url: str) -> str:
    """`url` for SQLAlchemy's psycopg driver. Takes the plain `postgresql://` form that every tool prints."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def connect(url: str, *, pool_size: int = 16, name: str = "aurum") -> AsyncEngine:
    """An engine over `url`. Connections are checked before use, so a restarted database is found again."""
    engine = create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        # An error that reaches a log shows its statement, never the values: those are people and money.
        hide_parameters=True,
        connect_args={"application_name": name, "connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    trace_statements(engine)
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine, principal: Principal | None = None) -> AsyncIterator[AsyncSession]:
    """One transaction: committed when the block ends, rolled back when it raises.

    With a `principal` the rows that can be seen and changed are that person's (the API's role). Without one the
    transaction has the rights of its database role alone (the worker).
    """
    async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
        async with session.begin():
            if principal is not None:
                await assume(session, principal)
            yield session
            committed = commit_span()
        committed()


async def assume(session: AsyncSession, principal: Principal) -> None:
    """Makes the rest of this transaction `principal`'s."""
    await session.execute(
        text(
            "SELECT set_config('app.user_id', :user_id, true), set_config('app.role', :role, true),"
            " set_config('app.permissions', :permissions, true)"
        ),
        {
            "user_id": str(principal.user_id or ""),
            "role": principal.role,
            "permissions": ",".join(sorted(principal.permissions)),
        },
    )


def migrate(url: str) -> None:
    """Brings the database at `url` (owner role) to the newest migration. Safe to call from several processes."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    command.upgrade(config, "head")
