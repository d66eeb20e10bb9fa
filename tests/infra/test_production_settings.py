"""What production refuses: each refusal names its variable and never repeats a secret; what may be accepted can be."""

import base64
import random
import secrets
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from infra.settings import Settings
from infra.settings.door import DEVELOPMENT_FINGERPRINT_KEY, DEVELOPMENT_SECRET
from infra.settings.secrecy import secret_weakness
from infra.temporal_tls import tls_of
from tests.factories.production import database_url, production

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"token_secret": SecretStr(DEVELOPMENT_SECRET)}, "AURUM_TOKEN_SECRET still has its development value"),
    ({"fingerprint_key": SecretStr(DEVELOPMENT_FINGERPRINT_KEY)}, "AURUM_FINGERPRINT_KEY still has"),
    ({"token_secret": SecretStr("8d1f0c2b7ae94c53")}, "AURUM_TOKEN_SECRET has 16 characters"),
    ({"token_secret": SecretStr("correct horse battery staple is no secret")}, "AURUM_TOKEN_SECRET holds words"),
    ({"fingerprint_key": SecretStr("8d1f0c2b" * 6)}, "AURUM_FINGERPRINT_KEY repeats itself"),
    ({"fingerprint_key": SecretStr("9f1c2b7ae0d84c53b6a1f07e5d3c8b92")}, "is the same as AURUM_TOKEN_SECRET"),
    ({"signing_key_file": None}, "AURUM_SIGNING_KEY_FILE is needed"),
    ({"audit_anchor_file": None}, "AURUM_AUDIT_ANCHOR_FILE is needed"),
    ({"trusted_proxies": ("0.0.0.0/0",)}, "AURUM_TRUSTED_PROXIES believes everybody"),
    ({"even_answer_seconds": 0}, "AURUM_EVEN_ANSWER_SECONDS is 0"),
    ({"log_level": "debug"}, "AURUM_LOG_LEVEL is DEBUG"),
    ({"public_url": "http://api.bank.test"}, "AURUM_PUBLIC_URL is no https address"),
    ({"public_url": "https://localhost:8000"}, "AURUM_PUBLIC_URL is no https address"),
    ({"token_issuer": "https://aurum.example"}, "AURUM_TOKEN_ISSUER is no https address"),
    ({"cors_origins": ("http://app.bank.test",)}, "AURUM_CORS_ORIGINS names an address without TLS"),
    ({"mail_from": "Aurum <no-reply@aurum.example>"}, "AURUM_MAIL_FROM is an example"),
    ({"database_api_url": database_url("postgres")}, "AURUM_DATABASE_API_URL has to sign in as aurum_api"),
    ({"database_worker_url": database_url("aurum_owner")}, "AURUM_DATABASE_WORKER_URL has to sign in as aurum_worker"),
    ({"database_url": SecretStr("postgresql://aurum_owner@127.0.0.1/aurum")}, "AURUM_DATABASE_URL has no password"),
    ({"database_url": SecretStr("postgresql://aurum_owner:aurum_owner@127.0.0.1/a")}, "a password of under 16"),
    ({"database_url": database_url("aurum_owner", options="")}, "AURUM_DATABASE_URL is another machine"),
    ({"database_api_url": database_url("aurum_api", options="sslmode=require")}, "AURUM_DATABASE_API_URL is another"),
    (
        {"database_worker_url": database_url("aurum_worker", host="127.0.0.1,db.internal", options="")},
        "AURUM_DATABASE_WORKER_URL is",
    ),
    ({"database_url": SecretStr("a database=")}, "AURUM_DATABASE_URL is no address"),
    ({"temporal_tls": False}, "AURUM_TEMPORAL_TLS is false"),
    ({"metrics_token": SecretStr("let-prometheus-in")}, "AURUM_METRICS_TOKEN has 17 characters"),
    ({"sentry_dsn": SecretStr("http://key@sentry.bank.internal/1")}, "AURUM_SENTRY_DSN names an address without TLS"),
    (
        {"otlp_endpoint": "http://collector.bank.internal:4318", "otlp_headers": {"x-key": SecretStr("4f1c2b")}},
        "AURUM_OTLP_ENDPOINT is an address without TLS",
    ),
    ({"bank_hours": "always"}, "AURUM_BANK_HOURS is always"),
    ({"bank_bic": "AURUNL2A"}, "AURUM_BANK_BIC still has"),
    ({"correspondent_bic": "MOCKNL2A"}, "AURUM_CORRESPONDENT_BIC still names"),
    ({"nostro_accounts": {}}, "AURUM_NOSTRO_ACCOUNTS names none"),
    ({"email_provider": "folder"}, "AURUM_EMAIL_PROVIDER is folder"),
    ({"sendgrid_webhook_key": None}, "AURUM_SENDGRID_WEBHOOK_KEY is needed"),
    ({"store_provider": "folder"}, "AURUM_STORE_PROVIDER is folder"),
    ({"scanner": "none"}, "AURUM_SCANNER is needed"),
    ({"quotes_provider": "simulated"}, "AURUM_QUOTES_PROVIDER is simulated"),
]


def test_a_whole_set_of_settings_is_taken() -> None:
    assert production().temporal_tls


@pytest.mark.parametrize(("changed", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_production_refuses(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        production(**changed)
    for value in changed.values():
        if isinstance(value, SecretStr):
            assert value.get_secret_value() not in str(refused.value)


@pytest.mark.parametrize(
    ("risk", "changed"),
    [
        ("folder_store", {"store_provider": "folder"}),
        ("simulated_quotes", {"quotes_provider": "simulated"}),
        ("plain_temporal", {"temporal_tls": False}),
        (
            "plain_database",
            {
                "database_url": database_url("aurum_owner", options=""),
                "database_api_url": database_url("aurum_api", options=""),
                "database_worker_url": database_url("aurum_worker", options=""),
            },
        ),
    ],
)
def test_what_is_a_matter_of_judgement_is_accepted_by_name(risk: str, changed: dict[str, Any]) -> None:
    assert production(accepted_risks=[risk], **changed).accepted_risks == {risk}
    with pytest.raises(ValidationError, match=risk):
        production(**changed)


def test_a_server_on_this_machine_needs_no_certificate() -> None:
    local = {
        "database_url": SecretStr("postgresql:///aurum?host=/run/postgresql&user=aurum_owner"),
        "database_api_url": database_url("aurum_api", host="127.0.0.1", options=""),
        "database_worker_url": database_url("aurum_worker", host="[::1]", options=""),
    }
    assert production(temporal_address="[::1]:7233", temporal_tls=False, **local).refusals() == []


def test_the_api_and_the_worker_need_not_know_the_owner() -> None:
    assert production(database_url=...).refusals() == []


def test_all_of_it_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, environment="production")
    for name in ("AURUM_TOKEN_SECRET", "AURUM_DATABASE_API_URL", "AURUM_PUBLIC_URL", "AURUM_SCANNER"):
        assert name in str(refused.value)


def test_random_secrets_are_not_called_weak() -> None:
    source = random.Random(20261122)
    for _ in range(500):
        raw = source.randbytes(32)
        assert secret_weakness(raw.hex()) is None
        assert secret_weakness(base64.b64encode(raw).decode()) is None
        assert secret_weakness(base64.b64encode(raw + raw[:16]).decode()) is None


def test_what_counts_up_is_weak() -> None:
    assert secret_weakness("abcdefghijklmnopqrstuvwxyz0123456789") == "counts up or down"
    assert secret_weakness("zyxwvutsrqponmlkjihgfedcba9876543210") == "counts up or down"


@pytest.mark.parametrize(
    "given",
    [
        {"temporal_api_key": SecretStr(secrets.token_hex(8))},
        {"temporal_tls_ca_file": "/etc/aurum/ca.pem"},
        {"temporal_tls": True, "temporal_tls_cert_file": "/etc/aurum/cert.pem"},
    ],
)
def test_what_opens_temporal_never_travels_in_the_clear(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="AURUM_TEMPORAL_TLS"):
        Settings(_env_file=None, **given)


def test_certificates_are_read_at_every_connection(tmp_path: Any) -> None:
    assert tls_of(Settings(_env_file=None)) is False
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    for name, path in files.items():
        path.write_text(name)
    config = tls_of(
        Settings(
            _env_file=None,
            temporal_tls=True,
            temporal_tls_server_name="temporal.bank.test",
            **{f"temporal_tls_{name}_file": path for name, path in files.items()},
        )
    )
    assert not isinstance(config, bool)
    assert (config.server_root_ca_cert, config.client_cert, config.client_private_key) == (b"ca", b"cert", b"key")
    assert config.domain == "temporal.bank.test"
