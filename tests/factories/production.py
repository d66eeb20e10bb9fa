"""Settings that may serve customers; each test changes what it is about."""

import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infra.choices import EmailKind, Environment, QuotesKind, ScannerKind, StoreKind
from infra.settings import Settings
from models.screening.sources import Format, ListSource
from tests.factories.mail_events import webhook_key
from tests.factories.sealed import fresh_key

_SEALED = "sslmode=verify-full&sslrootcert=/etc/aurum/database-ca.pem"


def database_url(role: str, *, host: str = "db.bank.internal", options: str = _SEALED) -> SecretStr:
    """The address of a database on another machine."""
    return SecretStr(f"postgresql://{role}:R7uQ0mZk3cVx9pLt2sWd@{host}/aurum?{options}")


def production(**changed: Any) -> Settings:
    """Settings of a bank, with some of them `changed`, or left out by `...`. Raises pydantic's `ValidationError`."""
    given: dict[str, Any] = {
        "environment": Environment.PRODUCTION,
        "database_url": database_url("aurum_owner"),
        "database_api_url": database_url("aurum_api"),
        "database_worker_url": database_url("aurum_worker"),
        "temporal_address": "temporal.bank.internal:7233",
        "temporal_tls": True,
        "signing_key_file": "/etc/aurum/key.pem",
        "token_issuer": "https://api.bank.test",
        "token_secret": SecretStr("9f1c2b7ae0d84c53b6a1f07e5d3c8b92"),
        "fingerprint_key": SecretStr("mB8vQ2xN5kR1tY7wP4zL9cD3fG6hJ0sA"),
        "field_keys": {"2026-11": fresh_key()},
        "field_key_id": "2026-11",
        "payload_keys": {"2026-11": fresh_key()},
        "payload_key_id": "2026-11",
        "metrics_token": SecretStr("q4Zt7nW2eYb9Kx1vHs6pLd3mRc8gUf5j"),
        "audit_anchor_file": "/var/lib/aurum/anchors/heads.jsonl",
        "bank_bic": "GOODNL2A",
        "correspondent_bic": "CORRDEFF",
        "nostro_accounts": {"EUR": "NL02MOCK0000009001"},
        "email_provider": EmailKind.SENDGRID,
        "sendgrid_api_key": SecretStr("a key"),
        "sendgrid_webhook_key": webhook_key(),
        "mail_from": "The Bank <no-reply@bank.test>",
        "public_url": "https://api.bank.test",
        "store_provider": StoreKind.S3,
        "s3_bucket": "documents",
        "scanner": ScannerKind.CLAMAV,
        "quotes_provider": QuotesKind.ALPHA_VANTAGE,
        "alpha_vantage_key": SecretStr("a key"),
        "sanctions_sources": (
            ListSource(name="OFAC-SDN", format=Format.OFAC_XML, location="https://lists.example/SDN.XML"),
        ),
    }
    return Settings(_env_file=None, **{name: value for name, value in (given | changed).items() if value is not ...})


def environment(folder: Path) -> dict[str, str]:
    """Such settings as variables, with the key's file in `folder`."""
    key = folder / "key.pem"
    key.write_text("a key")
    config = production(signing_key_file=key)
    given = {}
    for name in config.model_fields_set:
        value = getattr(config, name)
        if name in {"field_keys", "payload_keys"}:
            told = json.dumps({key_id: secret.get_secret_value() for key_id, secret in value.items()})
        elif name == "sanctions_sources":
            told = json.dumps([source.model_dump(mode="json") for source in value])
        elif isinstance(value, SecretStr):
            told = value.get_secret_value()
        else:
            told = json.dumps(value) if isinstance(value, dict) else str(value)
        given[f"AURUM_{name.upper()}"] = told
    return given
