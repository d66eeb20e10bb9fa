"""Challenges: what a second step of signing in is asked with, and how fresh a first one has to be (contract §3).

A challenge is signed and not stored, so every process of the API can read it. It names its person, for a step-up the
session too, and carries a mark of the password it was given out for: with the password changed it is worth nothing.
That it is answered once is the database's to say (`models.tables.factors`).
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import BadToken

CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
# So many wrong answers, and another challenge is needed.
ANSWERS: Final = 5
# What was proved longer ago is asked for again before something sensitive (contract §3).
FRESH: Final = timedelta(minutes=5)
# An answered verification mail signs a newcomer in, but is no proof that can be fresh (OWASP ASVS 5.0, 6.3.6).
PROOFS: Final = frozenset({"pwd", "otp", "recovery"})
SECOND_PROOFS: Final = frozenset({"otp", "recovery"})
_MAC_BYTES: Final = 32


class Purpose(StrEnum):
    """What a challenge is for."""

    LOGIN = "login"
    STEP_UP = "step_up"


class Challenge(BaseModel):
    """A question that its person has to answer. `session_id` is set for a step-up."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    purpose: Purpose
    nonce: bytes
    user_id: UUID
    session_id: UUID | None
    password_mark: bytes
    expires_at: datetime


def new_challenge(purpose: Purpose, user_id: UUID, password_hash: str | None, session_id: UUID | None) -> Challenge:
    """A challenge that nobody was given before."""
    return Challenge(
        purpose=purpose,
        nonce=secrets.token_bytes(16),
        user_id=user_id,
        session_id=session_id,
        password_mark=password_mark(password_hash),
        expires_at=datetime.now(UTC) + CHALLENGE_LIFETIME,
    )


def password_mark(password_hash: str | None) -> bytes:
    """Tells one password hash from another, and nothing of it."""
    return hashlib.sha256((password_hash or "").encode()).digest()[:8]


def written_challenge(challenge: Challenge, secret: str) -> str:
    """`challenge` as text, signed with `secret`."""
    payload = challenge.model_dump_json().encode()
    return urlsafe_b64encode(_mac(payload, secret) + payload).decode().rstrip("=")


def read_challenge(written: str, secret: str) -> Challenge:
    """The challenge that was written with `secret` and still lives. Raises `BadToken`."""
    try:
        given = urlsafe_b64decode(written.encode("ascii") + b"=" * (-len(written) % 4))
    except ValueError:
        raise BadToken("The challenge is not one of ours") from None
    mac, payload = given[:_MAC_BYTES], given[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(payload, secret)):
        raise BadToken("The challenge is not one of ours")
    challenge = Challenge.model_validate_json(payload)
    if challenge.expires_at <= datetime.now(UTC):
        raise BadToken("The challenge has expired")
    return challenge


def is_fresh(auth_time: datetime, amr: frozenset[str], now: datetime, *, has_factor: bool) -> bool:
    """Whether what was proved at `auth_time` is enough for something sensitive: recent, and by a second factor where
    the person has one."""
    return now - auth_time <= FRESH and bool(amr & (SECOND_PROOFS if has_factor else PROOFS))


def _mac(payload: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"challenge/" + payload, hashlib.sha256)
