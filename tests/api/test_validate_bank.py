"""Asking about a bank's codes by HTTP: every answer is one, right or wrong, and nothing else is stored."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories.auth import signed_in
from tests.factories.users import add_customer
from tests.factories.wire_desk import WIRES, is_refusal

URL = f"{WIRES}/validate-bank"


@pytest.fixture
async def me(app: FastAPI, owner_engine: AsyncEngine) -> dict[str, str]:
    return await signed_in(app, owner_engine, await add_customer(owner_engine))


async def test_an_iban_is_answered_with_its_bank_and_every_check(client: AsyncClient, me: dict[str, str]) -> None:
    answered = await client.post(URL, json={"iban": "DE89 3704 0044 0532 0130 00"}, headers=me)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    assert (told["valid"], told["country"], told["iban"]) == (True, "DE", "DE89370400440532013000")
    assert told["bank"]["bic"] == told["bic"] == "COBADEFFXXX"
    assert told["reachable_currencies"] == ["EUR", "GBP", "USD"]
    assert {check["check"]: check["passed"] for check in told["checks"]} == dict.fromkeys(
        ["iban_format", "iban_country", "iban_length", "iban_structure", "iban_check_digits", "iban_accepted",
         "iban_directory"], True
    )  # fmt: skip


async def test_a_wrong_code_is_an_answer_and_not_an_error(client: AsyncClient, me: dict[str, str]) -> None:
    answered = await client.post(URL, json={"bic": "COBADEF0"}, headers=me)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    assert (told["valid"], told["bic"], told["reachable_currencies"]) == (False, None, [])
    (live,) = [check for check in told["checks"] if check["check"] == "bic_live"]
    assert live == {"check": "bic_live", "passed": False, "reason": "a test code: no money can be sent to it"}


@pytest.mark.parametrize(
    "body", [{}, {"aba": "021000021", "bic": "TESTUS33"}, {"iban": ""}, {"iban": 7}, {"iban": "X" * 61}, {"swift": "X"}]
)
async def test_a_question_that_is_none_is_refused(client: AsyncClient, me: dict[str, str], body: Any) -> None:
    is_refusal(await client.post(URL, json=body, headers=me), 422, "invalid_request")


async def test_strangers_are_not_answered(client: AsyncClient) -> None:
    is_refusal(await client.post(URL, json={"bic": "TESTUS33"}), 401, "not_authenticated")
