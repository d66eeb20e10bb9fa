"""The OpenAPI document against the application: whatever schemathesis makes of it, no 500 and no undocumented answer.

Over a real socket, with the bytes that a server sends. Bounded, so that it takes seconds; more examples with
`SCHEMATHESIS_EXAMPLES=200`.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pytest
import schemathesis
import uvicorn
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.main import create_app
from infra.database import connect, transaction
from infra.settings import Settings
from models.tables import calendars
from tests.api.conftest import NOWHERE, OFTEN
from tests.databases import Server
from tests.factories import market
from tests.factories.auth import signed_in
from tests.factories.users import add_customer, add_officer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))
BOUNDED = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


# What asks Temporal itself, which this application is without.
OF_TEMPORAL = ("/ready", "/api/v1/admin/schedules")


class _Told(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    server = _Told(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.up.wait(timeout=30)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture(scope="module")
def served(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """The address of a running application, and the headers of people who are signed in."""
    database = postgres.create()
    url = SecretStr(database.api_url)
    store = tmp_path_factory.mktemp("store")
    # It asks as nobody does who is no machine.
    settings = Settings(
        database_api_url=url, temporal_address=NOWHERE, even_answer_seconds=0, limits=OFTEN, store_dir=store
    )
    app = create_app(settings)

    async def people() -> dict[str, dict[str, str]]:
        owner = connect(database.owner_url, pool_size=1)
        try:
            # Without their calendars the exchange and the rails answer 503, as they should.
            await market.opened(owner)
            async with transaction(owner) as session:
                await calendars.top_up(session, datetime.now(UTC).date())
            return {
                "customer": await signed_in(app, owner, await add_customer(owner)),
                "officer": await signed_in(app, owner, await add_officer(owner, "super_admin")),
            }
        finally:
            await owner.dispose()

    with _serving(app) as address:
        yield address, asyncio.run(people())
    postgres.drop(database)


@pytest.fixture(scope="module")
def described(served: tuple[str, Any]) -> schemathesis.BaseSchema:
    """The document, as the server tells it."""
    return schemathesis.openapi.from_url(f"{served[0]}/api/v1/openapi.json")


@pytest.mark.parametrize("who", ["stranger", "customer", "officer"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_answers_as_documented(
    described: schemathesis.BaseSchema, served: tuple[str, dict[str, dict[str, str]]], who: str, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 10
    for operation in operations:
        if operation.path.startswith(OF_TEMPORAL):
            continue  # 503 is its answer here; tests/api/test_admin_schedules.py has a server
        if who != "stranger" and operation.path.endswith("/logout"):
            continue  # whoever comes after it would be a stranger

        @BOUNDED
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def meets(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=CHECKS, headers=served[1].get(who))

        # An operation that takes nothing can be given nothing wrong.
        with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
            meets()
