"""SendGrid's event webhook, played: events as it tells them, signed as it signs them."""

import base64
import json
import time
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

WEBHOOK = "/api/v1/webhooks/sendgrid"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


@lru_cache(maxsize=1)
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def webhook_key() -> str:
    """The public key of this run, as SendGrid shows one."""
    der = _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def told(event: str, address: str, letter: UUID | str | None = None, **changes: Any) -> dict[str, Any]:
    """An event with an id of its own."""
    given = {
        "email": address,
        "timestamp": int(time.time()),
        "event": event,
        "sg_event_id": uuid4().hex,
        "sg_message_id": "14c5d75ce93.dfd.64b469",
        "category": ["wire.completed"],
        "notification": None if letter is None else str(letter),
    }
    return given | changes


def signed(events: Any, *, at: float | None = None, key: ec.EllipticCurvePrivateKey | None = None) -> dict[str, Any]:
    """Content and headers of a request that tells of `events`."""
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    timestamp = str(int(time.time() if at is None else at))
    signature = (key or _key()).sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    headers = {
        "Content-Type": "application/json",
        SIGNATURE: base64.b64encode(signature).decode(),
        TIMESTAMP: timestamp,
    }
    return {"content": body, "headers": headers}
