"""Access tokens: only ours, only while they live, only with the rights that their person still has."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from joserfc.jwk import OKPKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from infra.database import transaction
from infra.settings import Settings
from infra.tokens import Tokens
from models.auth import Claims
from models.errors import BadToken
from tests.factories.auth import bearer, claims_of, session_for, signed_in
from tests.factories.users import add_customer, add_officer

ME = "/api/v1/users/me"


def _part(value: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def _with_header(token: str, **header: Any) -> str:
    _, payload, signature = token.split(".")
    return f"{_part(header)}.{payload}.{signature}"


@pytest.fixture
async def claims(app: FastAPI, owner_engine: AsyncEngine) -> Claims:
    person = await add_customer(owner_engine)
    return claims_of(person, await session_for(owner_engine, person))


async def test_a_token_of_ours_opens_the_door(client: AsyncClient, app: FastAPI, claims: Claims) -> None:
    assert (await client.get(ME, headers=bearer(app.state.parts.tokens.sign(claims)))).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic bWlyYTptaXJh", "Token abc", "Bearer \xe9\xe9"])
async def test_no_token_is_no_entry(client: AsyncClient, header: str) -> None:
    refused = await client.get(ME, headers=[(b"Authorization", header.encode("latin-1"))])
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_forged_tokens_are_refused(client: AsyncClient, app: FastAPI, claims: Claims) -> None:
    good = app.state.parts.tokens.sign(claims)
    header, payload, signature = good.split(".")
    stranger = Tokens(app.state.parts.settings)
    other_issuer = Tokens(app.state.parts.settings.model_copy(update={"token_issuer": "https://elsewhere.example"}))
    other_issuer._key, other_issuer._kid = app.state.parts.tokens._key, app.state.parts.tokens._kid
    richer = {**orjson.loads(_decoded(payload)), "permissions": ["admin:system"]}
    forgeries = [
        _with_header(good, alg="none", typ="at+jwt"),
        f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{payload}.",
        _with_header(good, alg="HS256", typ="at+jwt"),
        _with_header(good, alg="EdDSA", typ="JWT", kid=stranger.jwks()["keys"][0]["kid"]),
        f"{header}.{_part(richer)}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}",
        stranger.sign(claims),
        other_issuer.sign(claims),
        "a.b.c",
        "." * 10_000,
        good + "x",
    ]
    for forged in forgeries:
        refused = await client.get(ME, headers=bearer(forged))
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token"), forged[:60]


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_an_expired_token_is_refused_even_if_it_was_good_a_moment_ago(
    client: AsyncClient, app: FastAPI, claims: Claims
) -> None:
    now = int(time.time())
    late = app.state.parts.tokens.sign(claims.model_copy(update={"iat": now - 1000, "exp": now - 1}))
    assert (await client.get(ME, headers=bearer(late))).status_code == 401
    soon = claims.model_copy(update={"exp": now + 60})
    token = app.state.parts.tokens.sign(soon)
    assert app.state.parts.tokens.read(token) == soon
    app.state.parts.tokens._verified[token] = soon.model_copy(update={"exp": now - 1})
    with pytest.raises(BadToken):
        app.state.parts.tokens.read(token)


async def test_a_token_of_somebody_elses_session_is_refused(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, claims: Claims
) -> None:
    other = await add_customer(owner_engine)
    mixed = claims.model_copy(update={"sid": await session_for(owner_engine, other)})
    assert (await client.get(ME, headers=bearer(app.state.parts.tokens.sign(mixed)))).status_code == 401


@pytest.mark.parametrize(
    "change",
    ["deleted_at = now()", "preset = 'auditor'", "role = 'customer', preset = NULL", "permissions = '{admin:users}'"],
)
async def test_rights_that_have_changed_end_a_token_at_once(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, change: str
) -> None:
    me = await signed_in(app, owner_engine, await add_officer(owner_engine))
    assert (await client.get(ME, headers=me)).status_code == 200
    async with transaction(owner_engine) as session:
        await session.execute(text(f"UPDATE users SET {change}"))
    refused = await client.get(ME, headers=me)
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")


async def test_the_public_keys_verify_what_we_sign(client: AsyncClient, app: FastAPI, claims: Claims) -> None:
    published = (await client.get("/.well-known/jwks.json")).json()
    (key,) = published["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    assert OKPKey.import_key({name: key[name] for name in ("kty", "crv", "x")}).thumbprint() == key["kid"]
    header, payload, _ = app.state.parts.tokens.sign(claims).split(".")
    assert orjson.loads(_decoded(header)) == {"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}
    told = orjson.loads(_decoded(payload))
    assert told.keys() >= {
        "sub",
        "email",
        "role",
        "tier",
        "permissions",
        "iat",
        "exp",
        "jti",
        "sid",
        "auth_time",
        "amr",
    }


def test_the_key_of_the_settings_is_used_and_another_kind_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "signing.pem"
    key = OKPKey.generate_key("Ed25519")
    file.write_bytes(key.as_pem(private=True))
    assert Tokens(Settings(signing_key_file=file)).jwks()["keys"][0]["kid"] == key.thumbprint()
    file.write_bytes(OKPKey.generate_key("X25519").as_pem(private=True))
    with pytest.raises(ValueError, match="Ed25519"):
        create_app(Settings(signing_key_file=file))


def _key_file(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    return path


async def test_keys_are_rotated_without_anybody_noticing(claims: Claims, tmp_path: Path) -> None:
    old, new = _key_file(tmp_path, "old.pem"), _key_file(tmp_path, "new.pem")

    def tokens(signing: Path, *others: Path) -> Tokens:
        return Tokens(Settings(_env_file=None, signing_key_file=signing, verification_key_files=others))

    before, announced, swapped, after = tokens(old), tokens(old, new), tokens(new, old), tokens(new)
    for issuer, readers in ((before, (before, announced, swapped)), (swapped, (announced, swapped, after))):
        token = issuer.sign(claims)
        assert [reader.read(token).sub for reader in readers] == [claims.sub] * 3
    with pytest.raises(BadToken):
        after.read(before.sign(claims))
    with pytest.raises(BadToken):
        before.read(after.sign(claims))
    kids = [{key["kid"] for key in one.jwks()["keys"]} for one in (before, announced, swapped, after)]
    assert kids[1] == kids[2] == kids[0] | kids[3]
    assert all("d" not in key for key in swapped.jwks()["keys"])


async def test_a_verification_key_of_another_kind_is_refused_at_the_start(tmp_path: Path) -> None:
    odd = tmp_path / "odd.pem"
    odd.write_bytes(OKPKey.generate_key("X25519").as_pem(private=False))
    with pytest.raises(ValueError, match="Ed25519"):
        Tokens(Settings(_env_file=None, verification_key_files=(odd,)))
