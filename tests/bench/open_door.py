"""The API without its door: everybody is let in as one person, without token, session or row level security.

What signing in costs is measured against this (`tests.bench.auth`). It is given the worker's role, which sees all.
"""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import FastAPI

from api import deps, main
from models.auth import CUSTOMER_PERMISSIONS
from models.tables.auth import Caller

_NOBODY = UUID(int=0)


async def _anybody() -> Caller:
    return Caller(
        id=_NOBODY,
        session_id=_NOBODY,
        email="anybody@people.example",
        first_name="",
        last_name="",
        role="customer",
        preset=None,
        permissions=CUSTOMER_PERMISSIONS,
        tier="standard",
        kyc_status="approved",
        status="active",
        auth_time=datetime.now(UTC),
    )


def create_app() -> FastAPI:
    """The application over the settings of the process."""
    app = main.create_app()
    app.dependency_overrides[deps.signed_in] = _anybody
    return app
