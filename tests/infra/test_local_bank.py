"""The bank's clock: moved when something waits for a later day, never otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.bank import next_day
from infra.local.http import client
from infra.local.parts import Part
from infra.local.stack import Stack
from tests.infra.local_runs import until

CLOCK = {"now": "2026-11-20T16:00:00+00:00"}


def waiting(*moments: str) -> list[dict[str, Any]]:
    return [{"dueAt": moment} for moment in moments]


@pytest.mark.parametrize(
    ("queue", "always", "day"),
    [
        (waiting("2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z"), True, "2026-11-23"),
        (waiting("2026-11-23T00:00:00Z"), False, None),
        (waiting("2026-11-20T16:00:01Z"), True, None),
        (waiting("2026-11-20T00:00:00Z"), True, "2026-11-20"),
        (waiting("2026-11-20T00:00:00Z"), False, "2026-11-20"),
    ],
    ids=["earliest later day", "calendar waits", "later today", "came due", "came due by calendar"],
)
def test_the_day_to_move_to(queue: list[dict[str, Any]], always: bool, day: str | None) -> None:
    assert next_day(queue, CLOCK, always=always) == day


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("bank")) as stack:
        stack.start([Part.BANK], env={})
        yield stack


def queued(http: httpx.Client) -> list[Any]:
    queue: list[Any] = http.get("/_mock/queue").json()
    return queue


def test_what_waits_for_a_later_day_is_sent_at_once(bank: Stack) -> None:
    with client(bank.site.bank_url) as http:
        today = http.get("/_mock/state").json()["clock"]["date"]
        later = http.get("/_mock/state").json()["clock"]["nextBusinessDay"]
        credit = {
            "account": "AURUM-USD",
            "amount": 1250,
            "currency": "USD",
            "value_date": later,
            "debtor": {"name": "A payer"},
        }
        answer = http.post("/_mock/credits", json=credit)
        assert answer.is_success, answer.text
        until(lambda: not queued(http), "the bank to send what waited")
        assert http.get("/_mock/state").json()["clock"]["date"] == later > today
        assert until(lambda: list(Path(bank.info()["bank_inbox"]).glob("camt.054*")), "a notification in the inbox")


def test_opening_our_accounts_twice_keeps_their_money(bank: Stack) -> None:
    with client(bank.site.bank_url) as http:
        http.patch("/_mock/accounts/AURUM-EUR", json={"balance": 7}).raise_for_status()
        bank.restart(Part.BANK)
        assert http.get("/_mock/accounts/AURUM-EUR").json()["balance"] == 7
