"""The log holds nothing that is secret or personal, however it got there."""

import json
import logging
import secrets
import string
from typing import Any
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from schwifty import IBAN

from infra import log
from infra.masking import MASK, masked_event, masked_text
from infra.settings import Settings
from infra.tokens import Tokens
from models.accounts import account_number, grouped
from models.auth import Claims

EMAILS = st.emails(domains=st.sampled_from(["people.example", "mail.bank.example", "xn--bcher-kva.example"]))
TOKENS = st.integers(min_value=0, max_value=2**64).map(lambda _: secrets.token_urlsafe(32))
PHONES = st.from_regex(r"\+[1-9][0-9]{8,13}", fullmatch=True)
SPACED_PHONES = st.from_regex(r"\+[1-9][0-9] [0-9]{2} [0-9]{3} [0-9]{4}", fullmatch=True)
NUMBERS = st.from_regex(r"[0-9]{8,18}", fullmatch=True)
CARDS = st.from_regex(r"[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}", fullmatch=True)
IBANS = st.integers(min_value=1, max_value=10**9).map(lambda number: str(IBAN.from_bban("NL", f"AURM{number:010d}")))
SECRETS = st.one_of(EMAILS, TOKENS, PHONES, SPACED_PHONES, NUMBERS, CARDS, IBANS, IBANS.map(str.lower))
# What may stand beside one: the end of a word, of a quotation, of a line.
BESIDE = st.sampled_from([" ", "\n", "\t", '"', "'", "(", ")", ",", ";", "<", ">", "{", "}", "="])
WORDS = st.text(alphabet=string.ascii_letters + " ", max_size=30)


@given(WORDS, BESIDE, SECRETS, BESIDE, WORDS)
def test_what_has_the_shape_of_a_secret_is_masked_wherever_it_stands(
    before: str, opening: str, secret: str, closing: str, after: str
) -> None:
    told = masked_text(f"{before}{opening}{secret}{closing}{after}")
    assert secret not in told
    assert MASK in told


@given(st.sampled_from(["password", "new_password", "refreshToken", "clientSecret", "Authorization", "otp", "api_key"]))
def test_a_field_is_masked_by_its_name(name: str) -> None:
    event = {name: "blue", "deep": {"list": [{name: "blue"}]}}
    assert "blue" not in str(masked_event(None, "info", event))


@given(st.recursive(SECRETS, lambda kids: st.lists(kids, max_size=3), max_leaves=8))
def test_a_secret_is_masked_however_deep(value: Any) -> None:
    told = str(masked_event(None, "info", {"things": value, "named": {"deep": value}, "object": {1, 2}}))

    def leaves(one: Any) -> list[str]:
        return [leaf for part in one for leaf in leaves(part)] if isinstance(one, list) else [one]

    assert [leaf for leaf in leaves(value) if leaf in told] == []


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef123456",
        "authorization: basic bWlyYTptaXJh",
        '{"password": "harbour lantern quiet", "x": 1}',
        "{'new_password': 'harbour lantern quiet'}",
        "POST /auth/verify-email?token=abc123&x=1",
        "GET https://quotes.example/query?apikey=ABCDEF123&symbol=X",
        "postgresql://aurum_api:hunter2secret@127.0.0.1:5432/aurum",
        "redis://:hunter2secret@cache:6379",
        'DETAIL:  Failing row contains (1, Mira, Example, "Lindenweg 12").',
        "DETAIL:  Key (lower(email))=(mira of nowhere) already exists.",
        "SG.abcdefgh1234.ijklmnop5678",
    ],
)
def test_secrets_in_sentences_of_others_are_masked(text: str) -> None:
    told = masked_text(text)
    for secret in [
        "abcdef123456",
        "bWlyYTptaXJh",
        "harbour",
        "abc123",
        "ABCDEF123",
        "hunter2",
        "Mira",
        "Lindenweg",
        "nowhere",
        "abcdefgh1234",
    ]:
        assert secret not in told
    assert MASK in told


def test_a_token_of_ours_is_masked() -> None:
    claims = {
        "sub": uuid4(),
        "email": "m@people.example",
        "role": "customer",
        "tier": "standard",
        "permissions": set(),
        "iat": 1,
        "exp": 2,
        "jti": "x",
        "sid": uuid4(),
        "auth_time": 1,
        "amr": ("pwd",),
    }
    token = Tokens(Settings()).sign(Claims.model_validate(claims))
    told = masked_text(f"got {token} from somebody")
    assert told == f"got {MASK} from somebody"


def test_an_account_number_of_ours_is_masked() -> None:
    for currency in ("EUR", "USD"):
        number = account_number(1234567, currency)
        for written in (number, grouped(number)):
            assert written not in masked_text(f"no account {written} here")


@pytest.mark.parametrize(
    "text",
    [
        "request",
        "wire/019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8",
        "01234567-0123-7123-8123-012345678901",
        "workflow wire/12d68259-57d4-4327-9ce8-3d79ae61dada run 6f79a9a5-a61b-4c39-a256-bb9c85b8853e",
        "01a2006b6149725d8e181de62bd965e9",
        "2026-11-20T09:30:00.123456Z",
        "2026-11-20 09:30:00",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/api/v1/accounts/{account_id}/balance",
        "sqlalchemy.exc.OperationalError: connection to 127.0.0.1:5432 refused",
        "the wire is awaiting_approval after 60 s",
        "models/tables/ledger.py:170",
        "test_a_token_of_ours_is_masked_and_a_long_name_of_a_function_is_not",
        "temporalio==1.35.0",
    ],
)
def test_what_operations_look_for_stays_readable(text: str) -> None:
    assert masked_text(text) == text


def test_a_line_is_masked_whoever_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO")
    token = secrets.token_urlsafe(32)
    structlog.get_logger("ours").info("something.happened", detail="mira@people.example", count=3, request_id="r.1")
    logging.getLogger("theirs").warning("cannot reach %s with %s", "mira@people.example", {"token": token})
    try:
        int(f"NL91ABNA0417164300 {token}")
    except ValueError:
        structlog.get_logger("ours").exception("something.failed")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = json.dumps(lines)
    assert [secret for secret in ("mira@people", token, "0417164300") if secret in written] == []
    assert (lines[0]["event"], lines[0]["count"], lines[0]["request_id"]) == ("something.happened", 3, "r.1")
    assert lines[1]["event"] == f"cannot reach {MASK} with {{'token': {MASK}}}"
    assert lines[2]["exception"][0]["exc_type"] == "ValueError"


def test_a_text_of_any_length_is_masked_quickly() -> None:
    for text in (
        "a@" * 50_000,
        "1 " * 50_000,
        "x" * 100_000,
        "NL91 " * 20_000,
        "eyJ" * 30_000,
        "+1 " * 30_000,
        "-eyJ" * 25_000,
        "a-" * 50_000,
    ):
        assert len(masked_text(text)) <= 8_001
