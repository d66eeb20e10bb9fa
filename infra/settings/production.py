"""What production refuses: whatever is safe on a laptop alone."""

from collections.abc import Iterator

from infra.choices import ScannerKind
from infra.crypto import decoded, weakness
from infra.settings.door import DEVELOPMENT_FINGERPRINT_KEY, DEVELOPMENT_SECRET, DoorSettings
from infra.settings.edges import EdgeSettings
from models.screening.sources import NO_REAL_LISTS, only_real


def refusals(door: DoorSettings, edges: EdgeSettings) -> Iterator[str]:
    """Why these settings may not serve customers, each naming its variable; empty when they may."""
    for key_id, key in door.field_keys.items():
        if weak := weakness(decoded(key_id, key)):
            yield f"AURUM_FIELD_KEYS: the key {key_id} {weak}; make one with `openssl rand -base64 32`"
    if door.token_secret.get_secret_value() == DEVELOPMENT_SECRET:
        yield "AURUM_TOKEN_SECRET still has its development value"
    if door.fingerprint_key.get_secret_value() == DEVELOPMENT_FINGERPRINT_KEY:
        yield "AURUM_FINGERPRINT_KEY still has its development value"
    if door.signing_key_file is None:
        yield "AURUM_SIGNING_KEY_FILE is needed in production: a PEM file with an Ed25519 private key"
    if edges.scanner is ScannerKind.NONE:
        yield "AURUM_SCANNER is needed in production: clamav, or uploads would be served unscanned"
    if not only_real(edges.sanctions_sources):
        yield NO_REAL_LISTS
