"""Tokens and keys of an external identity provider: a real issuer, real keys, and everything that can be wrong."""

import asyncio
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.identity import LEEWAY_SECONDS, ExternalTokens
from infra.key_set import FRESH_SECONDS, LONGEST_SECONDS, MOST_BYTES, MOST_KEYS, PAUSE_SECONDS, KeySet, _read, _Unusable
from infra.settings import Settings
from models.errors import BadToken, Unavailable
from tests.factories.issuer import AUDIENCE, PARTY, Issuer, issuer, public, rsa


class Clock:
    """Time that goes by when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(provider: Issuer, clock: Clock) -> AsyncIterator[KeySet]:
    known = KeySet(f"{provider.url}/.well-known/jwks.json", clock)
    yield known
    await known.close()


@pytest.fixture
def tokens(provider: Issuer, keys: KeySet) -> ExternalTokens:
    return ExternalTokens(provider.url, AUDIENCE, keys, [PARTY])


def _part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_a_good_token_says_who_it_is(provider: Issuer, tokens: ExternalTokens) -> None:
    token = provider.token()
    assert tokens.issued(token)
    identity = await tokens.read(token)
    assert (identity.sub, identity.sid, identity.email, identity.email_verified) == (
        *("user_mira", "sess_1"),
        *("mira@people.example", True),
    )
    assert await tokens.read(token) is identity
    assert tokens.remembered(token) is identity
    assert provider.asked == 1


@pytest.mark.parametrize("claims", [{"aud": ["other", AUDIENCE]}, {"azp": None}, {"nbf": None}, {"email": None}])
async def test_other_good_tokens(provider: Issuer, tokens: ExternalTokens, claims: dict[str, Any]) -> None:
    assert (await tokens.read(provider.token(**claims))).sub == "user_mira"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": None},
        {"aud": []},
        {"aud": {"aurum-api": 1}},
        {"azp": "https://evil.example"},
        {"azp": ""},
        {"exp": int(time.time()) - LEEWAY_SECONDS - 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sts": "pending"},
        {"email_verified": "true"},
    ],
)
async def test_a_token_that_says_something_wrong_is_refused(
    provider: Issuer, tokens: ExternalTokens, claims: dict[str, Any]
) -> None:
    token = provider.token(**claims)
    for _ in range(2):
        with pytest.raises(BadToken):
            await tokens.read(token)
    assert tokens.remembered(token) is None


async def test_a_token_ends_even_if_it_was_good_a_moment_ago(provider: Issuer, keys: KeySet) -> None:
    now = Clock()
    now.now = time.time()
    tokens = ExternalTokens(provider.url, AUDIENCE, keys, [PARTY], now)
    token = provider.token()
    await tokens.read(token)
    now.now += 60 + LEEWAY_SECONDS
    with pytest.raises(BadToken):
        await tokens.read(token)


async def test_a_token_cannot_choose_how_it_is_checked(provider: Issuer, tokens: ExternalTokens) -> None:
    good = provider.token()
    _, payload, signature = good.split(".")
    # The classic: the public key, as its owner publishes it, taken as the secret of a symmetric signature.
    forged = []
    for secret in (rsa("first").as_pem(private=False), str(rsa("first").as_dict(private=False)["n"]).encode()):
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            start = f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': 'first'})}.{payload}"
            mac = hmac.digest(secret, start.encode(), digest)
            forged.append(f"{start}.{urlsafe_b64encode(mac).decode().rstrip('=')}")
    forged += [
        f"{_part({'alg': 'none', 'kid': 'first'})}.{payload}.",
        f"{_part({'alg': 'none', 'kid': 'first'})}.{payload}.{signature}",
        f"{_part({'alg': 'RS512', 'kid': 'first'})}.{payload}.{signature}",
        f"{_part({'alg': 'PS256', 'kid': 'first'})}.{payload}.{signature}",
        f"{_part({'alg': ['RS256'], 'kid': 'first'})}.{payload}.{signature}",
        f"{_part({'alg': 'RS256'})}.{payload}.{signature}",
        f"{_part({'alg': 'RS256', 'kid': 7})}.{payload}.{signature}",
        f"{_part({'alg': 'RS256', 'kid': 'first', 'crit': ['x']})}.{payload}.{signature}",
        f"{_part({'alg': 'RS256', 'kid': 'first', 'jwk': public('second')})}.{payload}.{signature}",
        f"{_part([])}.{payload}.{signature}",
        f"{good}x",
        good[:-8],
        ".".join(good.split(".")[:2]),
        "..",
        "",
        "a.b.c",
        "." * 9000,
        good + "A" * 9000,
        provider.token(key="second", header={"kid": "first"}),
    ]
    for token in forged:
        with pytest.raises(BadToken):
            await tokens.read(token)


async def test_a_token_whose_payload_was_changed_is_refused(provider: Issuer, tokens: ExternalTokens) -> None:
    header, _, signature = provider.token().split(".")
    other = provider.token(sub="user_victim").split(".")[1]
    with pytest.raises(BadToken):
        await tokens.read(f"{header}.{other}.{signature}")


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: f"a.{_part(raw.hex())}.c")))
def test_whatever_comes_is_looked_at_calmly(written: str) -> None:
    tokens = ExternalTokens("https://issuer.example", AUDIENCE, KeySet("http://127.0.0.1:9"), [])
    assert not tokens.issued(written)


async def test_a_rotated_key_is_found_and_the_old_one_forgotten(
    provider: Issuer, tokens: ExternalTokens, clock: Clock
) -> None:
    old = provider.token()
    await tokens.read(old)
    provider.keys = [public("second")]
    new = provider.token(key="second")
    with pytest.raises(BadToken):
        await tokens.read(new)
    assert provider.asked == 1, "asked again too soon"
    clock.now += PAUSE_SECONDS
    assert (await tokens.read(new)).sub == "user_mira"
    assert provider.asked == 2
    # What was checked before is remembered until it expires; another token of the old key is nobody's.
    with pytest.raises(BadToken):
        await tokens.read(provider.token(sid="sess_2"))


async def test_invented_key_ids_ask_no_more_often(provider: Issuer, tokens: ExternalTokens, clock: Clock) -> None:
    await tokens.read(provider.token())
    for number in range(200):
        with pytest.raises(BadToken):
            await tokens.read(provider.token(header={"kid": f"invented-{number}"}))
    assert provider.asked == 1
    clock.now += PAUSE_SECONDS
    for number in range(200):
        with pytest.raises(BadToken):
            await tokens.read(provider.token(header={"kid": f"invented-{number}"}))
    assert provider.asked == 2


async def test_a_hundred_at_once_ask_once(provider: Issuer, tokens: ExternalTokens) -> None:
    found = await asyncio.gather(*(tokens.read(provider.token(sid=f"sess_{n}")) for n in range(100)))
    assert len(found) == 100
    assert provider.asked == 1


async def test_a_set_that_grew_old_is_renewed_beside_the_work(provider: Issuer, keys: KeySet, clock: Clock) -> None:
    await keys.key("first")
    clock.now += FRESH_SECONDS + 1
    provider.silence = threading.Event()
    await asyncio.gather(*(keys.key("first") for _ in range(20)))
    provider.silence.set()
    ends = time.monotonic() + 10
    while keys._fetching is not None:
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)
    assert provider.asked == 2


async def test_while_the_provider_is_away_known_keys_go_on_for_a_day(
    provider: Issuer, keys: KeySet, clock: Clock
) -> None:
    await keys.key("first")
    provider.answer = (503, b"")
    clock.now += FRESH_SECONDS + 1
    for _ in range(3):
        await keys.key("first")
        clock.now += PAUSE_SECONDS
    with pytest.raises(Unavailable):
        await keys.key("second")
    # Within the pause nobody is asked, and the answer is the same.
    with pytest.raises(Unavailable):
        await keys.key("second")
    clock.now += LONGEST_SECONDS
    with pytest.raises(Unavailable):
        await keys.key("first")
    provider.answer = None
    clock.now += PAUSE_SECONDS
    await keys.key("first")
    with pytest.raises(BadToken):
        await keys.key("second")


async def test_a_provider_that_never_answered_is_unavailable() -> None:
    keys = KeySet("http://127.0.0.1:9/jwks.json")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await keys.key("first")
    await keys.close()


def _huge() -> bytes:
    return json.dumps({"keys": [public("first")], "padding": "x" * MOST_BYTES}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        (404, b""),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": null}'),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [null, 7, "x", {}]}'),
        (200, json.dumps({"keys": [public("first")] * (MOST_KEYS + 1)}).encode()),
        (200, _huge()),
        (200, b"[" * 60_000),
    ],
)
async def test_an_answer_that_is_no_key_set_takes_no_key_away(
    provider: Issuer, keys: KeySet, clock: Clock, answer: tuple[int, bytes]
) -> None:
    first = await keys.key("first")
    provider.answer = answer
    clock.now += PAUSE_SECONDS
    with pytest.raises(Unavailable):
        await keys.key("unknown")
    assert await keys.key("first") is first


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"kid": ""},
        {"kid": "x" * 201},
        {"n": "AQAB"},
        {"n": "!!!"},
        {"e": ""},
        {"n": urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("=")},
        {"n": urlsafe_b64encode(b"\0" * 128 + b"\xc1" * 128).decode().rstrip("=")},
    ],
)
def test_a_key_that_is_of_no_use_is_left_out(other: dict[str, Any]) -> None:
    first = public("first")
    found = _read(json.dumps({"keys": [first, {**public("second"), **other}]}).encode())
    assert list(found) == ["first"]
    with pytest.raises(_Unusable):
        _read(json.dumps({"keys": [{**public("second"), **other}]}).encode())


async def test_closing_ends_a_fetch_that_hangs(provider: Issuer) -> None:
    provider.silence = threading.Event()
    keys = KeySet(provider.url)
    asking = asyncio.create_task(keys.key("first"))
    ends = time.monotonic() + 10
    while not provider.asked:
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    "named",
    [
        {"clerk_issuer": "https://issuer.example"},
        {"clerk_audience": "aurum"},
        {"clerk_issuer": "http://issuer.example", "clerk_audience": "aurum"},
        {"clerk_issuer": "https://i.example", "clerk_audience": "a", "clerk_jwks_url": "http://i.example/jwks"},
        {"clerk_issuer": "https://i.example", "clerk_audience": "a", "clerk_authorized_parties": ("*",)},
    ],
)
def test_half_a_provider_or_an_unsafe_one_stops_the_start(named: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**named)
