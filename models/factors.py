"""Second factors as rules: time-based codes (RFC 6238), recovery codes, and how long a wrong guess has to wait."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

import pyotp

STEP_SECONDS: Final = 30
# A code of the step before or after is taken too: clocks differ, and people type (RFC 6238 §5.2).
DRIFT_STEPS: Final = 1
RECOVERY_CODES: Final = 10
# 120 bits: beyond the 112 from which a plain hash may keep a code (OWASP ASVS 5.0, 6.5.2).
_RECOVERY_BYTES: Final = 15
ISSUER: Final = "Aurum"
FREE_GUESSES: Final = 5
LONGEST_WAIT: Final = timedelta(minutes=15)


def new_seed() -> str:
    """A fresh seed in base32: 160 bits, as RFC 4226 §4 recommends."""
    return pyotp.random_base32(32)


def otpauth_uri(seed: str, email: str) -> str:
    """What an authenticator app reads from the QR code."""
    return str(pyotp.TOTP(seed, name=email, issuer=ISSUER).provisioning_uri())


def code_at(seed: str, at: datetime) -> str:
    """The code of that moment."""
    return pyotp.TOTP(seed).generate_otp(_step(at))


def matching_step(seed: str, code: str, at: datetime) -> int | None:
    """The 30-second step that `code` belongs to, if it is one of those around `at`; None for a wrong code."""
    given = "".join(code.split()).encode()
    found = None
    for step in range(_step(at) - DRIFT_STEPS, _step(at) + DRIFT_STEPS + 1):
        if hmac.compare_digest(pyotp.TOTP(seed).generate_otp(step).encode(), given):
            found = step
    return found


def _step(at: datetime) -> int:
    return int(at.timestamp()) // STEP_SECONDS


def wait_after(wrong_codes: int) -> timedelta:
    """How long the next guess waits after so many wrong codes in a row: not at first, then twice as long each time, at
    most a quarter of an hour. A lasting lock-out would be a gift to whoever wants to lock somebody out."""
    beyond = wrong_codes - FREE_GUESSES
    return timedelta() if beyond < 0 else min(timedelta(seconds=2 ** min(beyond, 12)), LONGEST_WAIT)


def new_recovery_codes() -> tuple[str, ...]:
    """A set of recovery codes, in groups of four for people."""
    return tuple(_recovery_code() for _ in range(RECOVERY_CODES))


def _recovery_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))


def recovery_hash(code: str) -> bytes:
    """What is stored of a recovery code; capitals, dashes and spaces make no difference."""
    return hashlib.sha256("".join(letter for letter in code.lower() if letter.isalnum()).encode()).digest()
