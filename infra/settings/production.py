"""What production refuses: whatever is safe on a laptop alone.

Each refusal names its variable and says what to do. What is a matter of judgement can be accepted by name
(`AURUM_ACCEPTED_RISKS`); the rest cannot.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from infra.choices import BankHours, EmailKind, QuotesKind, Risk, ScannerKind, StoreKind
from infra.crypto import decoded, weakness
from infra.settings.bank import BankSettings
from infra.settings.core import CoreSettings
from infra.settings.databases import is_local, refused_databases
from infra.settings.door import DEVELOPMENT_FINGERPRINT_KEY, DEVELOPMENT_SECRET, DoorSettings
from infra.settings.edges import EdgeSettings
from infra.settings.observation import ObservationSettings
from infra.settings.secrecy import HOW_TO_MAKE_ONE, secret_weakness
from models.screening.sources import NO_REAL_LISTS, only_real

_DEVELOPMENT: Final = frozenset({DEVELOPMENT_SECRET, DEVELOPMENT_FINGERPRINT_KEY})


def refusals(
    core: CoreSettings, watch: ObservationSettings, door: DoorSettings, bank: BankSettings, edges: EdgeSettings
) -> Iterator[str]:
    """Why these settings may not serve customers, each naming its variable; empty when they may."""
    yield from _secrets(door)
    yield from _door(door)
    yield from _addresses(door, edges)
    yield from refused_databases(core)
    yield from _temporal(core)
    yield from _watch(watch)
    yield from _bank(bank)
    yield from _edges(edges, core.accepted_risks)
    if core.log_level.upper() == "DEBUG":
        yield "AURUM_LOG_LEVEL is DEBUG, which tells more of people than a log may keep; set INFO"


def _secrets(door: DoorSettings) -> Iterator[str]:
    for variable, keys in (("AURUM_FIELD_KEYS", door.field_keys), ("AURUM_PAYLOAD_KEYS", door.payload_keys)):
        for key_id, key in keys.items():
            if weak := weakness(decoded(key_id, key)):
                yield f"{variable}: the key {key_id} {weak}; make one with `openssl rand -base64 32`"
    if not door.payload_encryption:
        yield "AURUM_PAYLOAD_ENCRYPTION is false: what Temporal keeps would be open to whoever reads it; set true"
    given = {
        "AURUM_TOKEN_SECRET": door.token_secret.get_secret_value(),
        "AURUM_FINGERPRINT_KEY": door.fingerprint_key.get_secret_value(),
    }
    for name, secret in given.items():
        if secret in _DEVELOPMENT:
            yield f"{name} still has its development value; {HOW_TO_MAKE_ONE}"
        elif weak := secret_weakness(secret):
            yield f"{name} {weak}; {HOW_TO_MAKE_ONE}"
    if len(set(given.values())) < len(given):
        yield f"AURUM_FINGERPRINT_KEY is the same as AURUM_TOKEN_SECRET; {HOW_TO_MAKE_ONE} for each"
    if door.signing_key_file is None:
        yield (
            "AURUM_SIGNING_KEY_FILE is needed in production: a PEM file with an Ed25519 private key; make one with"
            " `openssl genpkey -algorithm ed25519 -out signing_key.pem`"
        )


def _door(door: DoorSettings) -> Iterator[str]:
    if door.audit_anchor_file is None:
        yield (
            "AURUM_AUDIT_ANCHOR_FILE is needed in production: without kept heads nobody can tell that the end of the"
            " audit log was cut off; name a file on a volume that the database's owner cannot write"
        )
    if any(network.prefixlen == 0 for network in door.trusted_proxies):
        yield "AURUM_TRUSTED_PROXIES believes everybody's X-Forwarded-For; name the networks of your proxies"
    if door.even_answer_seconds == 0:
        yield "AURUM_EVEN_ANSWER_SECONDS is 0: answers tell by their time who has an account; set 0.5"


def _addresses(door: DoorSettings, edges: EdgeSettings) -> Iterator[str]:
    for name, address in (("AURUM_PUBLIC_URL", edges.public_url), ("AURUM_TOKEN_ISSUER", door.token_issuer)):
        parts = urlsplit(address)
        if parts.scheme != "https" or is_local(parts.hostname or "") or _made_up(parts.hostname or ""):
            yield f"{name} is no https address of yours; name the one under which people reach the API"
    for name, reached in (
        ("AURUM_SENDGRID_URL", edges.sendgrid_url),
        ("AURUM_ALPHA_VANTAGE_URL", edges.alpha_vantage_url),
        ("AURUM_CLERK_ISSUER", door.clerk_issuer),
        ("AURUM_CLERK_JWKS_URL", door.clerk_jwks_url),
        *(("AURUM_CORS_ORIGINS", origin) for origin in door.cors_origins),
    ):
        if reached is not None and not reached.startswith("https://"):
            yield f"{name} names an address without TLS; it begins with https://"
    if _made_up(edges.mail_from.rpartition("@")[2].rstrip("> ")):
        yield "AURUM_MAIL_FROM is an example; name a sender whose domain you have set up for mail"


def _made_up(host: str) -> bool:
    """Whether a name is reserved for examples (RFC 2606)."""
    return host == "example" or host.endswith((".example", ".invalid")) or not host


def _temporal(core: CoreSettings) -> Iterator[str]:
    host = core.temporal_address.rpartition(":")[0].strip("[]")
    if not (core.temporal_tls or is_local(host) or Risk.PLAIN_TEMPORAL in core.accepted_risks):
        yield (
            "AURUM_TEMPORAL_TLS is false and AURUM_TEMPORAL_ADDRESS is another machine; set it to true, or add"
            " plain_temporal to AURUM_ACCEPTED_RISKS where the network between is yours alone"
        )


def _watch(watch: ObservationSettings) -> Iterator[str]:
    token = watch.metrics_token.get_secret_value() if watch.metrics_token else None
    if token is not None and (weak := secret_weakness(token)):
        yield f"AURUM_METRICS_TOKEN {weak}; {HOW_TO_MAKE_ONE}"
    dsn = watch.sentry_dsn.get_secret_value() if watch.sentry_dsn else None
    if dsn is not None and not dsn.startswith("https://"):
        yield "AURUM_SENTRY_DSN names an address without TLS; it begins with https://"
    endpoint = urlsplit(watch.otlp_endpoint or "")
    if watch.otlp_headers and endpoint.scheme != "https" and not is_local(endpoint.hostname or ""):
        yield "AURUM_OTLP_ENDPOINT is an address without TLS, to which AURUM_OTLP_HEADERS would travel in the clear"


def _bank(bank: BankSettings) -> Iterator[str]:
    if bank.bank_hours is BankHours.ALWAYS:
        yield "AURUM_BANK_HOURS is always: orders would miss cut-offs and holidays; set calendar"
    unset = BankSettings()
    if bank.bank_bic == unset.bank_bic:
        yield "AURUM_BANK_BIC still has its development value; name your BIC"
    if bank.correspondent_bic == unset.correspondent_bic:
        yield "AURUM_CORRESPONDENT_BIC still names the counterparty of the embedded stack; name your correspondent's"
    if not bank.nostro_accounts:
        yield "AURUM_NOSTRO_ACCOUNTS names none of our accounts at the correspondent, so no order could leave"


def _edges(edges: EdgeSettings, accepted: frozenset[Risk]) -> Iterator[str]:
    if edges.email_provider is EmailKind.FOLDER:
        yield "AURUM_EMAIL_PROVIDER is folder: letters would reach nobody; set sendgrid and AURUM_SENDGRID_API_KEY"
    elif edges.sendgrid_webhook_key is None:
        yield "AURUM_SENDGRID_WEBHOOK_KEY is needed in production, or nobody would hear of letters that never arrive"
    if edges.store_provider is StoreKind.FOLDER and Risk.FOLDER_STORE not in accepted:
        yield (
            "AURUM_STORE_PROVIDER is folder; set s3 and AURUM_S3_BUCKET, or add folder_store to AURUM_ACCEPTED_RISKS"
            " where its disk is mirrored and backed up"
        )
    if edges.scanner is ScannerKind.NONE:
        yield "AURUM_SCANNER is needed in production: clamav, or uploads would be served unscanned"
    if edges.quotes_provider is QuotesKind.SIMULATED and Risk.SIMULATED_QUOTES not in accepted:
        yield (
            "AURUM_QUOTES_PROVIDER is simulated: customers would see invented prices; set alpha_vantage, or add"
            " simulated_quotes to AURUM_ACCEPTED_RISKS"
        )
    if not only_real(edges.sanctions_sources):
        yield NO_REAL_LISTS
