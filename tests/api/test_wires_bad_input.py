"""Whatever is sent as a wire, the answer is a clear 4xx, and nothing is stored but the line of the audit log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.wires.routes import now
from infra.database import transaction
from models.bank_codes import purposes
from models.errors import Malformed
from tests.factories import wires as make
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal, order, written

# Half past midnight in UTC, yesterday evening in New York.
MOMENT = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
TODAY = MOMENT.date()
JSON = {"Content-Type": "application/json"}
EUR, JPY = {"currency": "EUR"}, {"currency": "JPY"}
ADDRESS = {"town": "Berlin", "country": "DE"}
LONG = "x" * 141


def _address(**parts: Any) -> dict[str, Any]:
    return {"recipient_address": {name: part for name, part in (ADDRESS | parts).items() if part is not ...}}


def _each(field: str, code: str, *values: Any) -> list[Any]:
    return [
        pytest.param({field: value}, 422, code, id=f"{field} {str(value)[:40]!r}".encode("ascii", "replace").decode())
        for value in values
    ]


# fmt: off
ADDRESSES: list[tuple[str, dict[str, Any], str]] = [
    ("address without town", {"town": ...}, "invalid_request"),
    ("address without country", {"country": ...}, "invalid_request"),
    ("address in lower case", {"country": "de"}, "invalid_request"),
    ("address with a long country", {"country": "DEU"}, "invalid_request"),
    ("address with a line break", {"street": "Unter\nden Linden"}, "invalid_request"),
    ("address with an empty part", {"street": " "}, "invalid_request"),
    ("address with a long street", {"street": "x" * 71}, "invalid_request"),
    ("address with a long building", {"building": "x" * 17}, "invalid_request"),
    ("address with a long postal code", {"postal_code": "x" * 17}, "invalid_request"),
    ("address with a long town", {"town": "x" * 36}, "invalid_request"),
    ("address with an unwritable town", {"town": "東京"}, "not_writable"),
    ("address with something else", {"planet": "Earth"}, "invalid_request"),
    ("address with U+0000", {"street": "a\x00b"}, "malformed"),
]
REFUSED = [
    # Account numbers
    *_each(
        "recipient_account_number",
        "invalid_iban",
        "DE88370400440532013000",  # check digits
        "DE8937040044053201300",  # a digit short
        "DE893704004405320130000",  # a digit long
        "ZZ89370400440532013000",  # no such country
        "US64SVBKUS6S3300958879",  # a country without IBANs
        "DE89 3704 0044 0532 0130 0X",  # a letter where Germany has digits
        "gb82west12345698765431",
    ),
    *_each(
        "recipient_account_number",
        "invalid_account_number",
        "",
        " ",
        "x" * 35,
        "12;34",
        "12ß4",
        "١٢٣٤٥٦",
        "-----",
        "/1234",
        "1234/",
        "12//34",
        "1\u200b2",
        "12_34",
    ),
    *_each("recipient_account_number", "invalid_request", 123456, None, ["1"], True, ...),
    # Banks
    *_each(
        "recipient_bank_swift",
        "invalid_bic",
        "",
        "TESTUS3",
        "TESTUS33X",
        "TESTUS33XXXX",
        "TESTZZ33",
        "TESTUS30",
        "TEST1233",
        "TE-TUS33",
        "ÄESTUS33",
        "TEſTUS33",
        "T" * 100_000,
    ),
    *_each("recipient_bank_swift", "invalid_request", 7, {}, None, ...),
    pytest.param({"recipient_routing_number": "021000021"}, 422, "invalid_request", id="two banks"),
    *[
        pytest.param(
            {"recipient_bank_swift": ..., "recipient_routing_number": number}, 422, "invalid_routing_number", id=label
        )
        for label, number in {
            "ABA check digit": "021000022",
            "ABA a digit short": "02100002",
            "ABA a digit long": "0210000210",
            "ABA letters": "02100002A",
            "ABA zeros": "000000000",
            "ABA other digits": "٠٢١٠٠٠٠٢١",
            "ABA empty": "",
        }.items()
    ],
    # Currencies
    *_each("currency", "unknown_currency", "XXX", "XAU", "usd", "Usd", " USD", "US", "USDT", "", "U\u0405D"),
    *_each("currency", "invalid_request", 840, None, ["USD"], ...),
    pytest.param(EUR, 400, "currency_mismatch", id="not the account's currency"),
    pytest.param({"account": "JPY", "amount": "@1000@", **JPY}, 400, "refused", id="a currency that is not wired"),
    # Amounts
    *_each(
        "amount",
        "invalid_amount",
        "@0.001@", "0.001", "@1000.001@", "@0.0000000000000000001@",  # more decimals than dollars have
        "@-1@", "-1.00", "@-0.01@", "@0@", "@0.00@", "0", "@-0.0@", "@0e0@",
        "@1e400@", "@1e-400@", f"@{10**30}@", "@1e15@", f"@{10**13}@", "9" * 16, "@1e30@", "9" * 50_000,
        "abc", "", " ", "1,000.00", "1 000", "1000,00", "1000.", ".5", "+1", "1e3", "0x10", "NaN", "Infinity", "٣",
        "$5",
        "1000.00\n", True, False, None, [1000], {"value": 1000},
    ),
    *_each("amount", "invalid_request", ...),
    *_each("amount", "malformed", "@NaN@", "@Infinity@", "@-Infinity@", f"@{10**60}@", "@1e99999999999999999999@"),
    pytest.param({"account": "JPY", "amount": "@1.5@", **JPY}, 422, "invalid_amount", id="decimals of a yen"),
    pytest.param({"amount": "@25.00@", "charges": "BEN"}, 400, "refused", id="nothing left after the fee"),
    pytest.param({"amount": "@999999999999.00@"}, 400, "insufficient_funds", id="more than there is"),
    # Names, texts
    *_each("recipient_name", "not_writable", "שלום", "株式会社", "محمد", "🦄", "...", "-", "&", "\u0301", "中" * 140),
    *_each(
        "recipient_name",
        "invalid_request",
        "", "   ", "\n", LONG, "Glo\nbex", "Glo\tbex", "Glo\rbex", "Glo\x1bbex", "Glo\x7fbex", "Glo\x85bex",
        "Glo\u2028bex", "Glo\u202ebex", "Glo\u200bbex", "Glo\u00adbex", "Globex\ufeff Ltd", 7, None, ["Globex"], ...,
    ),
    *_each("recipient_bank_name", "invalid_request", LONG, "Test\nBank", "Test\u2066Bank", 7, None),
    *_each("reference", "not_writable", "請求書", "💸", "--", "..."),
    *_each("reference", "invalid_request", LONG, "a\nb", "a\x00b".replace("\x00", "\x01"), "a\u2029b", 7, None),
    *[
        param
        for field in ("recipient_name", "recipient_bank_name", "reference", "recipient_account_number", "currency")
        for param in _each(field, "malformed", "a\x00b", "a\ud800b", "\udfff")
    ],
    # Addresses
    *[pytest.param(_address(**parts), 422, code, id=label) for label, parts, code in ADDRESSES],
    *_each("recipient_address", "invalid_request", "Berlin", [], 7),
    # Purpose, charges
    *_each("purpose_code", "invalid_purpose_code", "sala", "XXXX", "SAL", "SALAX", "", " SALA", "S\u0410LA"),
    *_each("purpose_code", "invalid_request", 7, ["SALA"]),
    *_each("charges", "invalid_request", "sha", "ALL", "", 1, None),
    # Days
    *[
        pytest.param({"execution_date": str(day)}, 400, "execution_date_refused", id=f"on {day}")
        for day in (
            TODAY - timedelta(days=1), "1970-01-01", "0001-01-01",
            TODAY + timedelta(days=366), "2036-11-24", "9999-12-31",
        )
    ],
    *_each(
        "execution_date",
        "invalid_request",
        "2026-13-01", "2026-02-30", "30.11.2026", "tomorrow", "", "2026-11-30T00:00:00", "2026-11-30T00:00Z",
        "20261130", "@0@", "@1796083200@", "٢٠٢٦-١١-٣٠", "02026-11-30", "-2026-11-30", ["2026-11-30"], True,
    ),
    # Accounts
    *_each("from_account_id", "invalid_request", "", "not-an-id", 7, None, "../accounts", ...),
    pytest.param({"from_account_id": str(uuid4())}, 404, "not_found", id="an unknown account"),
    pytest.param({"account": "other"}, 404, "not_found", id="somebody else's account"),
    pytest.param({"account": "bank"}, 404, "not_found", id="an account of the bank"),
    pytest.param({"account": "frozen"}, 400, "account_unusable", id="a frozen account"),
    # Other fields
    *_each("status", "invalid_request", "completed"),
    *_each("fee", "invalid_request", "@0@"),
    *_each("approvals_required", "invalid_request", "@0@"),
]
ACCEPTED: dict[str, list[Any]] = {
    "recipient_name": [
        "Łukasz Żółć", "Jose\u0301 Nu\u0301n\u0303ez", "Иван Петров", "Σωκράτης", "株式会社 ACME", "O'Brien & Søns",
        "ÆØÅ", "x" * 140, "  Globex  ", "7", "²", "Ⅳ", "ﬁ",
    ],
    "recipient_bank_name": ["", "三菱UFJ", "三菱", ...],
    "recipient_bank_swift": ["test us33", "TESTUS33XXX", "1234US33"],
    "recipient_account_number": ["gb82 west 1234 5698 7654 32", "x" * 34, "12-34/56:7,8.9(0)+?'", "7"],
    "recipient_address": [None],
    "reference": ["Invoice 7 🧾", "", "👨\u200d👩\u200d👧 family", "x" * 140],
    "purpose_code": ["IPU2", None],
    "execution_date": [None],
}
ADDRESSES_TAKEN = [
    _address(street="x" * 70, building="x" * 16, postal_code="x" * 16, town="x" * 35), _address(street="千代田"),
]
# fmt: on

BODIES = [
    pytest.param(body, 422, code, id=label)
    for label, body, code in [
        ("no body", b"", "invalid_request"),
        ("not JSON", b"{from: me}", "malformed"),
        ("half of it", written(order("x"))[:-5], "malformed"),
        ("two of them", written(order("x")) * 2, "malformed"),
        ("a list", b"[]", "invalid_request"),
        ("null", b"null", "invalid_request"),
        ("a text", b'"wire"', "invalid_request"),
        ("not UTF-8", b'{"recipient_name": "\xff\xfe"}', "malformed"),
        ("U+0000 raw", b'{"recipient_name": "a\x00b"}', "malformed"),
        ("deep", b'{"recipient_address":' * 5_000 + b"1" + b"}" * 5_000, "malformed"),
        ("empty", b"{}", "invalid_request"),
    ]
]


@dataclass(frozen=True)
class Bank:
    """The API, a customer with dollars, and accounts that are not the right ones."""

    door: Door
    customer: Customer
    accounts: dict[str, str]

    async def refuses(self, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
        """That `body` is refused so, and that nothing but the line of the audit log is left of it."""
        before = await self.door.world()
        answered = await self.door.client.post(WIRES, content=body, headers=headers)
        is_refusal(answered, status, code)
        assert len(answered.content) < 4_000
        after = await self.door.world()
        assert (after.rows, after.money) == (before.rows, before.money)
        assert after.audit == [*before.audit, ("refused", code)]


@pytest.fixture
async def bank(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Bank]:
    """A bank where it is always the same moment."""
    door = Door(app, client, owner_engine, worker_engine, tmp_path)
    customer, other = await door.customer(5_000_00), await door.customer(5_000_00)
    frozen = await make.account(owner_engine, customer.person.id, "USD", 5_000_00)
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE accounts SET status = 'frozen' WHERE id = :id"), {"id": frozen})
        own = (await session.execute(text("SELECT id FROM accounts WHERE user_id IS NULL"))).scalars().first()

    async def then() -> datetime:
        return MOMENT

    app.dependency_overrides[now] = then
    yield Bank(
        door,
        customer,
        {
            "JPY": str(await make.account(owner_engine, customer.person.id, "JPY", 5_000_000)),
            "other": str(other.account),
            "bank": str(own),
            "frozen": str(frozen),
        },
    )
    del app.dependency_overrides[now]


@pytest.mark.parametrize(("changes", "status", "code"), REFUSED)
async def test_a_bad_order_is_named_and_leaves_nothing(
    bank: Bank, changes: dict[str, Any], status: int, code: str
) -> None:
    wanted = dict(changes)
    account = bank.accounts.get(wanted.pop("account", ""), str(bank.customer.account))
    await bank.refuses(written(order(account, **wanted)), bank.customer.headers | JSON, status, code)


async def test_every_refusal_of_a_field_names_the_field(bank: Bank) -> None:
    wrong = order(
        "x", amount="abc", recipient_bank_swift="TESTUS30", reference="請求書", execution_date="soon", colour="red"
    )
    answered = await bank.door.post(wrong, bank.customer.headers)
    is_refusal(answered, 422, "invalid_request")
    assert {problem["field"]: problem["code"] for problem in answered.json()["errors"]} == {
        "from_account_id": "uuid_parsing",
        "amount": "invalid_amount",
        "recipient_bank_swift": "invalid_bic",
        "reference": "not_writable",
        "execution_date": "value_error",
        "colour": "extra_forbidden",
    }


async def test_what_was_sent_is_not_repeated(bank: Bank) -> None:
    secret = "CANARY77"
    for field in (
        "recipient_account_number",
        "recipient_bank_swift",
        "purpose_code",
        "charges",
        "execution_date",
        "amount",
    ):
        answered = await bank.door.order(bank.customer, **{field: f"{secret};"})
        assert answered.status_code == 422
        assert secret not in answered.text, field


@pytest.mark.parametrize(("body", "status", "code"), BODIES)
async def test_a_body_that_is_no_order_is_named_and_leaves_nothing(
    bank: Bank, body: bytes, status: int, code: str
) -> None:
    await bank.refuses(body, bank.customer.headers | JSON, status, code)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
async def test_another_type_of_body_is_refused(bank: Bank, kind: str) -> None:
    headers = bank.customer.headers | {"Content-Type": kind}
    await bank.refuses(written(order(bank.customer.account)), headers, 415, "unsupported_media_type")


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_a_mebibyte_is_refused(bank: Bank, announced: bool) -> None:
    body = written(order(bank.customer.account, reference="x" * 1024 * 1024))

    async def streamed() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    before = await bank.door.world()
    answered = await bank.door.client.post(
        WIRES, content=body if announced else streamed(), headers=bank.customer.headers | JSON
    )
    is_refusal(answered, 413, "body_too_large")
    assert (await bank.door.world()).rows == before.rows


@pytest.mark.parametrize(
    ("columns", "code"), [({"kyc_status": "submitted"}, "kyc_in_review"), ({"status": "frozen"}, "customer_frozen")]
)
async def test_money_leaves_no_account_of_a_customer_who_may_not_send_it(
    bank: Bank, columns: dict[str, str], code: str
) -> None:
    customer = await bank.door.customer(5_000_00, **columns)
    await bank.refuses(written(order(customer.account)), customer.headers | JSON, 403, code)


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic dTpw", "Bearer "])
async def test_a_stranger_orders_nothing(bank: Bank, authorization: str | None) -> None:
    before = await bank.door.world()
    headers = {"Authorization": authorization} if authorization else {}
    answered = await bank.door.post(order(bank.customer.account), headers)
    assert answered.status_code == 401, answered.text
    assert (await bank.door.world()).rows == before.rows


@pytest.mark.parametrize("day", [TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=365)])
async def test_today_is_decided_in_utc(bank: Bank, day: Any) -> None:
    answered = await bank.door.order(bank.customer, execution_date=str(day))
    assert (answered.status_code, answered.json()["execution_date"]) == (201, str(day))


@pytest.mark.parametrize(
    "accepted",
    [*({field: value} for field, values in ACCEPTED.items() for value in values), *ADDRESSES_TAKEN],
    ids=lambda changes: str(changes)[:60].encode("ascii", "replace").decode(),
)
async def test_what_is_unusual_and_right_is_taken(bank: Bank, accepted: dict[str, Any]) -> None:
    answered = await bank.door.order(bank.customer, **accepted)
    assert answered.status_code == 201, answered.text


def test_the_purposes_are_those_of_iso_20022() -> None:
    assert len(purposes()) == 332
    assert all(len(code) == 4 and code.isalnum() and code.isupper() for code in purposes() - {"B112", "BR12"})
    assert {"SALA", "SUPP", "INTC", "GDDS", "SERV", "TAXS", "TREA", "LOAN", "PENS", "RENT", "B112"} <= purposes()


def test_every_refusal_at_the_door_has_a_code_of_its_own() -> None:
    codes = [leaf.code for leaf in Malformed.__subclasses__()]
    assert len(codes) == len(set(codes))


class TestAWireByItsAddress:
    """Routes about one wire."""

    ROUTES = (("GET", ""), ("GET", "/timeline"), ("PUT", "/approve"), ("PUT", "/reject"), ("DELETE", ""))

    async def _every_route(
        self, bank: Bank, wire_id: str, customer: dict[str, str], officer: dict[str, str]
    ) -> list[Any]:
        answers = []
        for method, path in self.ROUTES:
            headers = officer if method == "PUT" else customer
            body = {"reason": "no"} if path == "/reject" else {} if method == "PUT" else None
            answers.append(
                await bank.door.client.request(method, f"{WIRES}/{wire_id}{path}", json=body, headers=headers)
            )
        return answers

    @pytest.mark.parametrize("wire_id", ["not-an-id", "1", "null", "%F0%9F%A6%84", "0" * 33, "..%2faccounts"])
    async def test_a_malformed_id_is_named(self, bank: Bank, wire_id: str) -> None:
        _, officer = await bank.door.officer("compliance_officer")
        for answered in await self._every_route(bank, wire_id, bank.customer.headers, officer):
            assert answered.status_code in {404, 422}, answered.text
            is_refusal(answered, answered.status_code, answered.json()["code"])
            assert answered.json()["code"] in {"invalid_request", "not_found"}

    async def test_an_unknown_id_is_not_found(self, bank: Bank) -> None:
        _, officer = await bank.door.officer("compliance_officer")
        for answered in await self._every_route(bank, str(uuid4()), bank.customer.headers, officer):
            is_refusal(answered, 404, "not_found")

    async def test_another_customers_wire_is_not_found(self, bank: Bank) -> None:
        wire_id = await bank.door.ordered(bank.customer)
        thief = await bank.door.customer()
        before = await bank.door.world()
        for answered in await self._every_route(bank, wire_id, thief.headers, thief.headers):
            # A customer may approve nothing, whosever it is; everything else does not exist.
            if answered.request.method == "PUT":
                is_refusal(answered, 403, "permission_missing")
            else:
                is_refusal(answered, 404, "not_found")
        assert (await bank.door.client.get(WIRES, headers=thief.headers)).json()["data"] == []
        after = await bank.door.world()
        assert (after.rows, after.money) == (before.rows, before.money)

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("/reject", b"", 422, "invalid_request"),
            ("/reject", b"{}", 422, "invalid_request"),
            ("/reject", b'{"reason": " "}', 422, "invalid_request"),
            ("/reject", b'{"reason": "%s"}' % (b"x" * 1001), 422, "invalid_request"),
            ("/reject", b'{"reason": "a\\u0000b"}', 422, "malformed"),
            ("/reject", b'{"reason": 7}', 422, "invalid_request"),
            ("/reject", b'{"reason": "no", "comment": "x"}', 422, "invalid_request"),
            ("/approve", b'{"comment": "%s"}' % (b"x" * 1001), 422, "invalid_request"),
            ("/approve", b'{"comment": "a\\ud800b"}', 422, "malformed"),
            ("/approve", b'{"senior": true}', 422, "invalid_request"),
            ("/approve", b"[]", 422, "invalid_request"),
            ("/approve", b"{", 422, "malformed"),
        ],
    )
    async def test_a_bad_decision_is_named_and_leaves_nothing(
        self, bank: Bank, path: str, body: bytes, status: int, code: str
    ) -> None:
        await make.sanctions_list(bank.door.owner)
        wire_id = await bank.door.awaiting(bank.customer)
        _, officer = await bank.door.officer("compliance_officer")
        before = await bank.door.world()
        answered = await bank.door.client.put(f"{WIRES}/{wire_id}{path}", content=body, headers=officer | JSON)
        is_refusal(answered, status, code)
        after = await bank.door.world()
        assert (after.rows, after.money) == (before.rows, before.money)
        assert after.audit == [*before.audit, ("refused", code)]

    @pytest.mark.parametrize("query", ["status=paid", "status=", "account_id=x", "limit=0", "page=-1", "cursor=7"])
    async def test_a_bad_question_is_named(self, bank: Bank, query: str) -> None:
        is_refusal(
            await bank.door.client.get(f"{WIRES}?{query}", headers=bank.customer.headers), 422, "invalid_request"
        )


class TestTheSameOrderAgain:
    """Orders under an idempotency key."""

    async def test_it_is_answered_with_the_same_bytes_and_done_once(self, bank: Bank) -> None:
        first = await bank.door.order(bank.customer, key="order 1")
        before = await bank.door.world()
        again = await bank.door.order(bank.customer, key="order 1")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        after = await bank.door.world()
        assert (after.rows, after.money) == (before.rows, before.money)
        assert after.audit == [*before.audit, ("done", "replayed")]

    @pytest.mark.parametrize("changes", [{"amount": "@1000.01@"}, {"recipient_name": "Globex"}, {"reference": "7"}])
    async def test_another_order_under_its_key_is_a_conflict(self, bank: Bank, changes: dict[str, Any]) -> None:
        await bank.door.order(bank.customer, key="order 1")
        headers = bank.customer.headers | JSON | {"Idempotency-Key": "order 1"}
        await bank.refuses(written(order(bank.customer.account, **changes)), headers, 409, "idempotency_conflict")

    async def test_another_route_under_its_key_is_a_conflict(self, bank: Bank) -> None:
        headers = bank.customer.headers | {"Idempotency-Key": "order 1"}
        account = {"account_type": "checking", "currency": "EUR"}
        assert (await bank.door.client.post("/api/v1/accounts", json=account, headers=headers)).status_code == 201
        await bank.refuses(written(order(bank.customer.account)), headers | JSON, 409, "idempotency_conflict")

    async def test_a_refused_order_leaves_its_key_free(self, bank: Bank) -> None:
        assert (await bank.door.order(bank.customer, key="order 1", amount="@9000.00@")).status_code == 400
        assert (await bank.door.order(bank.customer, key="order 1")).status_code == 201
