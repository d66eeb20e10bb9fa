"""Failures that nobody foresaw reach Sentry over HTTP: what happened and where, and nothing of whom."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, SecretStr
from sqlalchemy.exc import OperationalError

from api import errors
from api.observation import Observation
from api.protection import Protection
from infra import reporting
from infra.settings import Settings
from models.errors import InsufficientFunds, Unavailable
from tests.factories.collector import Received, collector


@pytest.fixture
def sentry() -> Iterator[Received]:
    with collector() as received:
        dsn = received.url.replace("http://", "http://a-public-key@") + "/7"
        reporting.start(Settings(_env_file=None, sentry_dsn=SecretStr(dsn)), "tests")
        try:
            yield received
        finally:
            reporting.stop()


def _told(sentry: Received) -> list[dict[str, Any]]:
    """What has been reported, all of it sent."""
    reporting.stop()
    return sentry.events()


def _pay(iban: str) -> None:
    raise RuntimeError(f"no route to {iban} of quill@people.example")


def test_a_failure_is_told_with_its_place_and_without_what_it_was_given(sentry: Received) -> None:
    with structlog.contextvars.bound_contextvars(request_id="order.1", step="wire.send", user_id="somebody"):
        try:
            _pay("NL91ABNA0417164300")
        except RuntimeError as error:
            reporting.report(error, route="/api/v1/wires")
    (event,) = _told(sentry)
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("RuntimeError", "no route to *** of ***")
    assert value["stacktrace"]["frames"][-1]["function"] == "_pay"
    assert event["tags"] == {"request_id": "order.1", "step": "wire.send", "route": "/api/v1/wires"}
    assert (event["environment"], event["server_name"]) == ("development", "tests")
    sent = b"".join(sentry.bodies)
    for secret in (b"NL91ABNA0417164300", b"quill@", b"vars", b"context_line", b"breadcrumbs", b"somebody"):
        assert secret not in sent, secret
    assert sentry.headers[0]["path"] == "/api/7/envelope/"


def test_refusals_and_outages_are_not_reported(sentry: Received) -> None:
    for error in (
        InsufficientFunds(),
        Unavailable("The ledger does not answer"),
        OperationalError("SELECT 1", None, Exception("server closed the connection")),
        ConnectionRefusedError(),
    ):
        reporting.report(error)
    assert _told(sentry) == []


def test_a_message_that_repeats_what_was_given_is_left_out(sentry: Received) -> None:
    class Order(BaseModel):
        amount: int

    try:
        Order.model_validate({"amount": "Ada Quill"})
    except ValueError as error:
        reporting.report(RuntimeError("it did not fit"))
        reporting.report(error)
    first, second = _told(sentry)
    assert first["exception"]["values"][-1]["value"] == "it did not fit"
    assert (second["exception"]["values"][0]["type"], second["exception"]["values"][0]["value"]) == (
        "ValidationError",
        "",
    )
    assert b"Ada Quill" not in b"".join(sentry.bodies)


def test_a_library_that_logs_a_failure_is_heard(sentry: Received) -> None:
    try:
        [].pop()
    except IndexError:
        logging.getLogger("temporalio.worker").exception("Failed activation")
        logging.getLogger("temporalio.worker").warning("slow", exc_info=True)
    (event,) = _told(sentry)
    assert event["exception"]["values"][0]["type"] == "IndexError"
    assert event["tags"]["logger"] == "temporalio.worker"


async def test_the_last_resort_of_the_api_reports(sentry: Received) -> None:
    app = FastAPI()

    @app.get("/broken/{account}")
    async def broken(account: str) -> None:
        raise RuntimeError(f"account {account}")

    @app.get("/refused")
    async def refused() -> None:
        raise InsufficientFunds

    errors.install(app)
    app.add_middleware(Observation, protection=Protection("http://aurum.test"), proxies=())
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://aurum.test") as client:
        answer = await client.get("/broken/000123456789", headers={"X-Request-ID": "order.2"})
        assert (answer.status_code, answer.json()["request_id"]) == (500, "order.2")
        assert (await client.get("/refused")).status_code == 400
    (event,) = _told(sentry)
    assert event["tags"] == {"request_id": "order.2", "route": "/broken/{account}"}
    assert event["exception"]["values"][-1]["value"] == "account ***"
