"""SendGrid's event webhook: who may tell us of our mail, and what they tell.

A request is signed with ECDSA over its timestamp and its body, byte for byte. One that is older than the tolerance is
refused, so that what somebody has listened to cannot be told again later; within it, each event counts once by its id
(`models.tables.mail_events`). Events are taken one by one: what is unknown, or lacks what we need, is left out, since
the whole batch would come again and again otherwise.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from models.errors import Malformed
from models.mail_events import MailEvent, MailEventKind, SignatureRefused, Stop

log = structlog.get_logger(__name__)

# Seconds since 1970, until the year 33658.
_LONGEST_TIMESTAMP: Final = 12
_KINDS: Final = {
    "delivered": MailEventKind.DELIVERED,
    "bounce": MailEventKind.BOUNCE,
    "dropped": MailEventKind.DROPPED,
    "spamreport": MailEventKind.SPAM_REPORT,
    "unsubscribe": MailEventKind.UNSUBSCRIBE,
    "group_unsubscribe": MailEventKind.UNSUBSCRIBE,
}
# Why SendGrid drops a letter, where that says something of its address.
_DROPPED_FOR: Final = {
    "bounced address": Stop.BOUNCE,
    "invalid": Stop.DROPPED,
    "spam reporting address": Stop.SPAM_REPORT,
    "unsubscribed address": Stop.UNSUBSCRIBE,
}


def verification_key(written: str) -> ec.EllipticCurvePublicKey:
    """The public key as SendGrid shows it: base64 of its DER form. Raises `ValueError`."""
    try:
        key = load_der_public_key(base64.b64decode(written, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not the base64 of a public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("it is not a key for ECDSA")  # noqa: TRY004 # the value is wrong, not a type of ours
    return key


def verified(
    key: ec.EllipticCurvePublicKey, body: bytes, *, signature: str, timestamp: str, at: datetime, tolerance: timedelta
) -> None:
    """Raises `SignatureRefused` unless `key` has signed `body`, at a time no further than `tolerance` from `at`."""
    if not timestamp.isdecimal() or not timestamp.isascii() or len(timestamp) > _LONGEST_TIMESTAMP:
        raise SignatureRefused("The timestamp is missing or no number of seconds")
    if abs(at.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise SignatureRefused("The request was signed too long ago, or by a clock that is wrong")
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise SignatureRefused("The signature is not one of whoever delivers our mail") from None


def read(body: bytes) -> list[MailEvent]:
    """The events of a request that we know, in an order that is the same for everybody. Raises `Malformed`."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("The body is no JSON") from None
    if not isinstance(told, list):
        raise Malformed("The body is no list of events")
    known = [event for one in told if (event := _event(one)) is not None]
    return sorted(known, key=lambda event: event.event_id)


def _event(told: Any) -> MailEvent | None:
    kind = _KINDS.get(str(told.get("event"))) if isinstance(told, dict) else None
    if kind is None:
        return None
    try:
        if kind is MailEventKind.BOUNCE and told.get("type") == "blocked":
            kind = MailEventKind.BLOCKED
        detail = _detail(told)
        return MailEvent(
            event_id=_text(told["sg_event_id"], 200),
            notification_id=_letter(told.get("notification")),
            kind=kind,
            address=_text(told["email"], 254),
            detail=detail,
            at=datetime.fromtimestamp(int(told["timestamp"]), UTC),
            stops=_stop(kind, detail),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        log.warning("mail_events.left_out", kind=str(kind), why=type(error).__name__)
        return None


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= most or "\x00" in value:
        raise ValueError("it is missing or too long")
    return value


def _letter(written: Any) -> UUID | None:
    try:
        return UUID(written)
    except (TypeError, ValueError, AttributeError):
        return None


def _detail(told: Mapping[str, Any]) -> str:
    parts = (told.get("status"), told.get("reason") or told.get("response"))
    return " ".join(part for part in parts if isinstance(part, str)).replace("\x00", "")[:300]


def _stop(kind: MailEventKind, detail: str) -> Stop | None:
    match kind:
        case MailEventKind.BOUNCE | MailEventKind.SPAM_REPORT | MailEventKind.UNSUBSCRIBE:
            return Stop(kind.value)
        case MailEventKind.DROPPED:
            return next((stop for why, stop in _DROPPED_FOR.items() if detail.lower().startswith(why)), None)
        case _:
            return None
