"""An order that is accepted can always be written as a message to the bank, in either profile (and says what it said).

Orders are made up by hypothesis, read by the API's model, placed by the API's act under the API's role, and written by
the mapping of the step that releases them. Each is rolled back.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbpr_rules
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.wires.orders import WireIn
from infra.database import transaction
from infra.providers.bank import build_pacs008, build_pain001
from infra.providers.bank.charset import in_x_set
from models.bank import NOT_PROVIDED
from models.bank_codes import purposes
from models.bank_text import checked_writable
from models.errors import Malformed, RuleRefused
from models.tables import wires
from tests.factories import wires as make
from tests.factories.wire_desk import Customer, Door

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
X_SET_SIGNS = "/-?:().,'+"
DIGITS, CAPITALS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Where the rules meet: letters that become several, signs that become letters, ligatures of scripts that are lost,
# marks without a letter, half a family.
AWKWARD = "ßæŁıĸΩςЩьъїќ中﷽㍿ﬁ½²Ⅳ№€$&@_|\\\"<>/-?:.'+ \u00a0\u3000\u0301\u034f\u0941\u200c\u200d\ufe0f👩🇩Aa7"

seen = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])
texts = st.text(seen, max_size=69) | st.text(st.sampled_from(AWKWARD), max_size=69)


def named(longest: int) -> st.SearchStrategy[str]:
    """Texts with a letter or digit somewhere in them."""
    letters = st.sampled_from(["A", "ж", "Ω", "7", "ß", "ﬁ"])
    return st.tuples(texts, letters, texts).map(
        lambda parts: (parts[0][: longest // 2] + parts[1] + parts[2])[:longest]
    )


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """IBANs with right check digits, by the structures of some countries (ISO 13616)."""
    country, structure = draw(
        st.sampled_from(
            [
                ("DE", "18n"), ("GB", "4a14n"), ("FR", "10n11c2n"), ("NO", "11n"), ("MT", "4a5n18c"), ("BR", "23n1a1c"),
                ("NL", "4a10n"), ("CH", "5n12c"), ("PL", "24n"), ("SA", "2n18c"), ("LC", "4a24c"), ("BE", "12n"),
            ]
        )
    )  # fmt: skip
    alphabets = {"n": DIGITS, "a": CAPITALS, "c": DIGITS + CAPITALS}
    parts = "".join(mark if mark.isdigit() else f"{mark} " for mark in structure).split()
    bban = "".join(
        draw(st.text(alphabets[part[-1]], min_size=int(part[:-1]), max_size=int(part[:-1]))) for part in parts
    )
    value = "".join(str(int(character, 36)) for character in f"{bban}{country}00")
    return f"{country}{98 - int(value) % 97:02d}{bban}"


@st.composite
def routing_numbers(draw: st.DrawFn) -> str:
    """ABA routing numbers with a right check digit."""
    number = draw(st.text(DIGITS, min_size=8, max_size=8))
    weighed = sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1, 3, 7, 1, 3, 7), strict=True))
    return number + str(-weighed % 10)


bics = st.from_regex(r"[A-Z0-9]{4}(US|DE|NL|JP|BR|TR|GB|ZA)[A-Z0-9]{2}([A-Z0-9]{3})?", fullmatch=True)
banks = st.fixed_dictionaries({"recipient_bank_swift": bics}) | st.fixed_dictionaries(
    {"recipient_routing_number": routing_numbers()}
)
numbers = st.text(DIGITS + CAPITALS + "abc" + X_SET_SIGNS + " ", min_size=1, max_size=34)
accounts = ibans() | numbers | st.text(DIGITS, min_size=1, max_size=34)
addresses = st.fixed_dictionaries(
    {"town": named(35), "country": st.sampled_from(["US", "DE", "JP", "GB"])},
    optional={"street": named(70), "building": named(16), "postal_code": named(16)},
)
orders = st.builds(
    lambda order, bank: order | bank,
    st.fixed_dictionaries(
        {
            "amount": st.decimals("0.01", "99999999", places=2),
            "currency": st.sampled_from(["USD", "EUR", "GBP"]),
            "recipient_name": named(140),
            "recipient_account_number": accounts,
        },
        optional={
            "recipient_bank_name": texts,
            "recipient_address": addresses,
            "purpose_code": st.sampled_from(sorted(purposes())),
            "charges": st.sampled_from(["OUR", "SHA", "BEN"]),
            "reference": named(140),
            "execution_date": st.integers(0, 365).map(lambda days: str((AT + timedelta(days=days)).date())),
        },
    ),
    banks,
)


class Rollback(Exception):
    """Ends a transaction without its changes."""


def _roll_back() -> None:
    raise Rollback


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API and the desk behind it."""
    return Door(app, client, owner_engine, worker_engine, tmp_path)


@pytest.fixture
async def customer(door: Door) -> tuple[Customer, dict[str, Any]]:
    """A customer with an account in each currency."""
    made = await door.customer(10**14)
    other = {currency: await make.account(door.owner, made.person.id, currency, 10**14) for currency in ("EUR", "GBP")}
    return made, {"USD": made.account, **other}


async def _messages(door: Door, customer: Customer, order: WireIn) -> tuple[bytes, bytes]:
    messages: list[bytes] = []
    try:
        async with transaction(door.app.state.parts.engine, customer.person.principal) as session:
            placed = await wires.place(session, customer.person.id, order.order(), at=AT)
            session.expunge_all()
            wire = await wires.find(session, placed.id)
            wire.value_date = wire.execution_date or AT.date()
            instruction = await door.payment._instruction(session, wire, AT)
            messages += [build_pain001(instruction), build_pacs008(instruction)]
            _roll_back()
    except Rollback:
        pass
    return messages[0], messages[1]


def _said(message: bytes, *path: str) -> list[str]:
    found = etree.fromstring(message).iterfind(".//" + "/".join(f"{{*}}{name}" for name in path))
    return [element.text or "" for element in found]


@settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=orders)
async def test_an_accepted_order_can_be_written(
    door: Door, customer: tuple[Customer, dict[str, Any]], body: dict[str, Any]
) -> None:
    maker, own = customer
    try:
        order = WireIn.model_validate({"from_account_id": own[body["currency"]], **body})
        messages = await _messages(door, maker, order)
    except (ValidationError, RuleRefused) as refused:
        event(f"refused by {type(refused).__name__}")
        return
    event("written")
    for message in messages:
        (name,) = _said(message, "Cdtr", "Nm")
        assert name != NOT_PROVIDED
        assert any(character.isalnum() for character in name)
        assert bool(_said(message, "RmtInf", "Ustrd")) == bool(order.reference)
        assert NOT_PROVIDED not in _said(message, "Cdtr", "PstlAdr", "TwnNm")
        number = _said(message, "CdtrAcct", "Id", "IBAN") + _said(message, "CdtrAcct", "Id", "Othr", "Id")
        assert number == [order.recipient_account_number]
    assert cbpr_rules.validate_string(messages[1].decode(), year=2026)["violations"] == []


def _every_character() -> Iterator[str]:
    return (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def _writable(text: str, limit: int = 140) -> bool:
    try:
        return bool(checked_writable(text, limit))
    except Malformed:
        return False


def test_the_door_and_the_messages_agree_on_every_letter_and_digit() -> None:
    promised = [character for character in _every_character() if _writable(character)]
    assert [character for character in promised if not in_x_set(character, 140)] == []
    lost = {character for character in _every_character() if character.isalnum() and in_x_set(character, 140)}
    assert lost <= set(promised)


@settings(max_examples=500, deadline=None, database=None, derandomize=True)
@given(text=texts, limit=st.sampled_from([35, 140]))
def test_what_the_door_promises_the_messages_keep(text: str, limit: int) -> None:
    if _writable(text, limit):
        assert in_x_set(text, limit)


@pytest.mark.parametrize("ligatures", [8, 35, 139])
def test_a_letter_that_would_be_cut_off_does_not_count(ligatures: int) -> None:
    text = "﷽" * ligatures + "A"
    assert _writable(text) == bool(in_x_set(text, 140))
