"""Who may do what: permissions, the presets they come in, tokens and passwords as rules (contract §2, §3)."""

import hashlib
import hmac
import re
import string
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import WeakPassword
from models.notifications import HIDDEN

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 128
# A refresh token presented again within this time was lost on the way or raced by a second tab, not stolen.
REFRESH_GRACE: Final = timedelta(seconds=20)
VERIFICATION_LIFETIME: Final = timedelta(hours=24)
RESET_LIFETIME: Final = timedelta(minutes=30)
# However often its tokens are renewed, a session ends (OWASP ASVS 5.0, 7.3.2).
SESSION_LIFETIME: Final = timedelta(days=30)
# Providers move people within such a network; from elsewhere it is worth a word.
_NETWORK_BITS: Final = {4: 16, 6: 32}
# What a password has beside words that are known of its person, and from which length a word is one.
_LEAST_OWN: Final = 8
_SHORTEST_WORD: Final = 4
# A password that walks along one of these, in either direction, is no secret.
_ROWS: Final = tuple(
    row * LONGEST_PASSWORD for row in (string.digits, string.ascii_lowercase, "qwertyuiopasdfghjklzxcvbnm")
)
# One a line, lower case: the 3,000 most frequent of zxcvbn's list (MIT), and all of at least twelve characters in that
# list and in Django's (BSD).
_COMMON_PASSWORDS: Final = Path(__file__).parent / "data" / "common_passwords.txt"


class Role(StrEnum):
    """What kind of person. Customers own accounts; the others are staff."""

    CUSTOMER = "customer"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"


class Permission(StrEnum):
    """One thing that a person may do (contract §2)."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    ACCOUNTS_CREATE = "accounts:create"
    ACCOUNTS_CLOSE = "accounts:close"
    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_CREATE = "transactions:create"
    TRANSACTIONS_APPROVE = "transactions:approve"
    WIRES_READ = "wires:read"
    WIRES_CREATE = "wires:create"
    WIRES_APPROVE = "wires:approve"
    WIRES_HIGH_VALUE = "wires:high_value"
    ADMIN_USERS = "admin:users"
    ADMIN_COMPLIANCE = "admin:compliance"
    ADMIN_REPORTS = "admin:reports"
    ADMIN_SYSTEM = "admin:system"
    # Suspicions of money laundering; no preset beside super_admin has it, single people are given it.
    ADMIN_SUSPICION = "admin:suspicion"


_READS: Final = frozenset({Permission.ACCOUNTS_READ, Permission.TRANSACTIONS_READ, Permission.WIRES_READ})
_OFFICER: Final = frozenset({Permission.WIRES_READ, Permission.WIRES_APPROVE, Permission.ADMIN_COMPLIANCE})

CUSTOMER_PERMISSIONS: Final[frozenset[str]] = _READS | {
    Permission.ACCOUNTS_WRITE,
    Permission.ACCOUNTS_CREATE,
    Permission.ACCOUNTS_CLOSE,
    Permission.TRANSACTIONS_CREATE,
    Permission.WIRES_CREATE,
}
# Staff is given a preset, and single permissions beside it where a person needs one more.
PRESETS: Final[dict[str, frozenset[str]]] = {
    "compliance_officer": _OFFICER,
    "senior_compliance_officer": _OFFICER | {Permission.WIRES_HIGH_VALUE},
    "operations": _READS | {Permission.ADMIN_SYSTEM},
    "auditor": _READS | {Permission.ADMIN_REPORTS},
    "super_admin": frozenset(Permission),
}


def permissions_of(role: str, preset: str | None, granted: list[str] | tuple[str, ...] = ()) -> frozenset[str]:
    """What a person with that role and preset may do. An unknown preset gives nothing."""
    if role == Role.CUSTOMER:
        return CUSTOMER_PERMISSIONS
    if role == Role.SUPER_ADMIN:
        return PRESETS["super_admin"]
    return PRESETS.get(preset or "", frozenset()) | frozenset(granted)


class Claims(BaseModel):
    """What an access token says (contract §2)."""

    model_config = ConfigDict(frozen=True)

    sub: UUID
    email: str
    role: str
    tier: str
    permissions: frozenset[str]
    iat: int
    exp: int
    jti: str
    sid: UUID
    auth_time: int
    amr: tuple[str, ...]
    clerk_user_id: str | None = None


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """The passwords that many people have, and that are therefore tried first."""
    return frozenset(_COMMON_PASSWORDS.read_text(encoding="utf-8").split())


def check_password(password: str, *about: str) -> None:
    """Raises `WeakPassword` for one that is too short, too long, among the common ones (NIST SP 800-63B), or made of
    what is known of its person: `about` is their address and names (OWASP ASVS 5.0, 6.2.11)."""
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword(f"A password has at least {SHORTEST_PASSWORD} characters")
    if len(password) > LONGEST_PASSWORD:
        raise WeakPassword(f"A password has at most {LONGEST_PASSWORD} characters")
    folded = password.casefold()
    # "Sunshine2026!" is "sunshine" to whoever tries the common ones first.
    stem = folded.rstrip(string.digits + string.punctuation)
    piece = _repeated_piece(folded)
    walk = any(folded in row or folded[::-1] in row for row in _ROWS)
    if walk or {folded, stem, piece} & common_passwords() or len(piece) <= len(folded) // 3:
        raise WeakPassword("This password is among those that are tried first; choose one that is your own")
    rest = folded
    for word in sorted(_words("aurum", *about), key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < _LEAST_OWN and rest != folded:
        raise WeakPassword("A password is not made of your name or address, nor of ours")


def _words(*about: str) -> set[str]:
    """The words in `about` that are long enough to mean somebody."""
    return {word for one in about for word in re.split(r"[\W\d_]+", one.casefold()) if len(word) >= _SHORTEST_WORD}


def _repeated_piece(text: str) -> str:
    """The shortest piece that `text` is made of by repeating it; `text` itself where there is none."""
    return text[: (text + text).find(text, 1)]


def token_hash(token: str) -> bytes:
    """What is stored of an opaque token."""
    return hashlib.sha256(token.encode()).digest()


def successor(token: str, secret: str) -> str:
    """The refresh token that follows `token`.

    Derived and not drawn, so that everybody who presents the same token at the same time is given the same next one:
    one chain, however many tabs race. Nobody without `secret` can compute it.
    """
    derived = hmac.digest(secret.encode(), b"refresh/" + token.encode(), hashlib.sha256)
    return urlsafe_b64encode(derived).decode().rstrip("=")


class RefreshVerdict(StrEnum):
    """What becomes of a refresh token that is presented."""

    ROTATE = "rotate"  # first use: it is replaced by its successor
    REPEAT = "repeat"  # used a moment ago: the successor is told again
    REUSED = "reused"  # used long ago: somebody else has it, and the session ends
    REFUSE = "refuse"  # expired, or its session is over


def judge_refresh(
    expires_at: datetime, used_at: datetime | None, now: datetime, *, session_over: bool
) -> RefreshVerdict:
    """What becomes of a refresh token with that history."""
    if session_over:
        return RefreshVerdict.REFUSE
    if used_at is not None:
        return RefreshVerdict.REPEAT if now - used_at <= REFRESH_GRACE else RefreshVerdict.REUSED
    return RefreshVerdict.REFUSE if now >= expires_at else RefreshVerdict.ROTATE


def same_device(agent: str | None, address: str | None, seen_agent: str | None, seen_address: str | None) -> bool:
    """Whether two sign-ins came from the same program and the same corner of the internet, as far as that tells."""
    return agent == seen_agent and _network(address) == _network(seen_address)


def _network(address: str | None) -> str:
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    return str(ip_network((found, _NETWORK_BITS[found.version]), strict=False))


class Letter(BaseModel):
    """What a person is written."""

    model_config = ConfigDict(frozen=True)

    subject: str
    body: str


def verification(link: str) -> Letter:
    """Asks to confirm that a registration with their address is somebody's own. `link` ends where the secret begins."""
    hours = int(VERIFICATION_LIFETIME.total_seconds() // 3600)
    return Letter(
        subject="Confirm your e-mail address",
        body=(
            "Welcome to Aurum.\n\n"
            f"Confirm that this address is yours, within {hours} hours:\n\n{link}{HIDDEN}\n\n"
            f"Or enter this code where you are asked for it:\n\n{HIDDEN}\n\n"
            "If you did not register, you need not do anything: without the confirmation nothing is opened.\n"
        ),
    )


def already_registered() -> Letter:
    """Tells somebody with an account that their address was used to register again."""
    return Letter(
        subject="You have an account already",
        body=(
            "Somebody, probably you, has just registered at Aurum with this address.\n\n"
            "You have an account already, and nothing about it has changed: sign in as usual. If it was not you, you "
            "need not do anything; whoever it was has learned nothing.\n"
        ),
    )
