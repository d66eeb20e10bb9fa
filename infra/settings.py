"""Every setting of Aurum, typed, read once from the environment (prefix `AURUM_`) and from `.env`.

Workflows and models never see settings: what they need reaches them as arguments, so that a run can be replayed.
"""

from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.choices import BankHours, BankProfile, EmailKind, Environment, QuotesKind, ScannerKind, StoreKind
from infra.crypto import Keyring, decoded, weakness
from infra.limits import Limits
from models.ach import CompanyId
from models.bank import RoutingNumber
from models.calendar_rules import rules
from models.errors import InvalidAmount
from models.fees import FREE, FeeSchedule
from models.kyc.rules import DeskRules
from models.limits import TierLimits
from models.money import to_minor
from models.payments import FEES as PAYMENT_FEES
from models.payments import fee_of
from models.screening.sources import FICTIONAL_SOURCES, NO_REAL_LISTS, ListSource, only_real
from models.wires import FEES, WIRE_LIMITS, Fee, WireTerms

__all__ = [
    "BankHours",
    "BankProfile",
    "EmailKind",
    "Environment",
    "QuotesKind",
    "ScannerKind",
    "Settings",
    "StoreKind",
    "settings",
]

DEVELOPMENT_SECRET: Final = "development-only-secret-do-not-use-in-production"
DEVELOPMENT_FINGERPRINT_KEY: Final = "development-only-fingerprint-key"
# Base64 of "development-only-not-a-real-key!".
DEVELOPMENT_FIELD_KEY: Final = "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1yZWFsLWtleSE="
# As a browser tells it: no path, and no wildcard.
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]


class Settings(BaseSettings):
    """The settings of one process. Unknown `AURUM_` variables in `.env` are an error, so typing errors show."""

    model_config = SettingsConfigDict(
        env_prefix="AURUM_", env_file=".env", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    log_level: str = "INFO"

    # PostgreSQL, three roles: owner (migrations, operators), api (row level security), worker.
    database_url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/aurum")
    database_api_url: SecretStr = SecretStr("postgresql://aurum_api@127.0.0.1:5432/aurum")
    database_worker_url: SecretStr = SecretStr("postgresql://aurum_worker@127.0.0.1:5432/aurum")
    database_pool_size: int = Field(default=16, ge=1, le=200)

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_ui_url: str = "http://127.0.0.1:8233"
    task_queue: str = "aurum"
    worker_drain_seconds: float = Field(default=10, gt=0)
    # Touched once the worker polls; the embedded stack waits for it.
    worker_ready_file: Path | None = None
    # How often the worker looks for outbox rows that nobody dispatched at once.
    relay_seconds: float = Field(default=0.5, gt=0)

    # Tokens. The key is a PEM file (Ed25519); the embedded stack makes one in its data folder.
    signing_key_file: Path | None = None
    # Keys that are read and published beside it while keys are rotated (infra/tokens.py): PEM files, public or private.
    verification_key_files: tuple[Path, ...] = ()
    token_issuer: str = "https://aurum.example"
    token_secret: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    access_token_seconds: int = Field(default=900, ge=60, le=3600)
    refresh_token_seconds: int = Field(default=7 * 24 * 3600, ge=3600)

    # Personal data at rest (infra.crypto): 32 random bytes in base64 by key id, and the id that new values get. Older
    # keys stay until `python -m infra.admin rotate-field-keys` has said that nothing is sealed with them.
    field_keys: dict[str, SecretStr] = Field(default={"development": SecretStr(DEVELOPMENT_FIELD_KEY)})
    field_key_id: str = "development"
    # What saved recipients are found again by (models.beneficiaries). With another one none is found, and all count as
    # new; what is sealed is not touched by it.
    fingerprint_key: SecretStr = SecretStr(DEVELOPMENT_FINGERPRINT_KEY)
    # Where heads of the audit log's chain are kept (infra.audit_anchors): out of reach of the database's owner. Without
    # it nobody can tell that the end of the log was cut off.
    audit_anchor_file: Path | None = None

    # The door. Rates by class, per person and per address; counted in each process unless Redis is named.
    limits: Limits = Limits()
    redis_url: SecretStr | None = None
    # Proxies of ours, whose X-Forwarded-For is believed.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    # Pages of other origins that may call the API, exactly as browsers name them.
    cors_origins: tuple[Origin, ...] = ()
    # Answers that could tell by their time whether an address is known leave at multiples of this.
    even_answer_seconds: float = Field(default=0.5, ge=0, le=10)
    # An external identity provider (Clerk): its tokens are accepted where issuer and audience are named. Its keys are
    # at the issuer's well-known address unless another one is named.
    clerk_issuer: str | None = None
    clerk_audience: str | None = None
    clerk_jwks_url: str | None = None
    # For which origins its tokens may be issued; unless any is named, our own address and `cors_origins`.
    clerk_authorized_parties: tuple[Origin, ...] = ()

    # The channel to the bank: one folder that we write, one that the bank writes.
    bank_profile: BankProfile = BankProfile.CORRESPONDENT
    bank_hours: BankHours = BankHours.CALENDAR
    bank_outbox: Path = Path(".local/bank/outbox")
    bank_inbox: Path = Path(".local/bank/inbox")
    bank_poll_seconds: float = Field(default=0.5, gt=0)
    bank_name: str = "Aurum Bank"
    bank_bic: str = "AURUNL2A"
    correspondent_bic: str = "MOCKNL2A"
    # Our account at the correspondent, by currency; filled by the embedded stack.
    nostro_accounts: dict[str, str] = Field(default_factory=dict)
    # The ACH: the bank that originates our entries (ODFI), and the number of our account there, by which it knows us.
    ach_odfi: RoutingNumber | None = None
    ach_odfi_name: str = "Correspondent Bank"
    ach_company_id: CompanyId | None = None

    email_provider: EmailKind = EmailKind.FOLDER
    mail_dir: Path = Path(".local/mail")
    sendgrid_api_key: SecretStr | None = None
    sendgrid_url: str = "https://api.sendgrid.com"
    mail_from: str = "Aurum <no-reply@aurum.example>"
    public_url: str = "http://127.0.0.1:8000"

    # Documents of customers. Credentials of S3 are found as every AWS program finds them.
    store_provider: StoreKind = StoreKind.FOLDER
    store_dir: Path = Path(".local/store")
    s3_bucket: str = ""
    s3_region: str = "eu-central-1"
    s3_endpoint_url: str | None = None
    s3_kms_key: str | None = None
    scanner: ScannerKind = ScannerKind.NONE
    # host:port, or the path of a local socket.
    clamav_address: str = "127.0.0.1:3310"
    # Years after the end of the relationship, or after a newer document took its place: at least five (Directive (EU)
    # 2015/849, article 40), and at most ten.
    document_retention_years: int = Field(default=5, ge=5, le=10)
    # Uploads that one process of the API takes at the same moment; more are asked to come back.
    uploads_at_once: int = Field(default=4, ge=1, le=64)

    # Prices of securities. Calls of a day (0: as many as the pause allows) and the pause are what the plan says.
    quotes_provider: QuotesKind = QuotesKind.SIMULATED
    alpha_vantage_key: SecretStr | None = None
    alpha_vantage_url: str = "https://www.alphavantage.co/query"
    alpha_vantage_per_day: int = Field(default=25, ge=0)
    alpha_vantage_pause_ms: int = Field(default=1000, ge=0)

    # What transfers within the bank cost (models/fees.py), a JSON list of rules; without any they are free.
    transfer_fees: FeeSchedule = FREE

    # Wire desk. Durations are business time when bank_hours is `calendar`.
    # Amounts of every currency are compared in this one: by the approval matrix, by what officers may approve.
    base_currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    wire_sla_seconds: int = Field(default=2 * 3600, ge=1)
    wire_hard_stop_seconds: int = Field(default=8 * 3600, ge=1)
    wire_screening_seconds: int = Field(default=2 * 3600, ge=1)
    wire_acknowledgement_seconds: int = Field(default=4 * 3600, ge=1)
    # What wires cost by currency, and how much of a tier may leave: major units.
    wire_fees: dict[str, Fee] = FEES
    wire_limits: dict[str, TierLimits] = WIRE_LIMITS
    # How long a saved recipient counts as new; time on the clock, not business time.
    wire_cooling_seconds: int = Field(default=24 * 3600, ge=0)

    # Lists to screen against, the folder for files on their way, and how old a list may be at a release.
    sanctions_sources: tuple[ListSource, ...] = FICTIONAL_SOURCES
    sanctions_dir: Path = Path(".local/lists")
    sanctions_stale_seconds: int = Field(default=36 * 3600, ge=60)
    kyc: DeskRules = DeskRules()

    # Payments by the local rails. What one costs by currency, in major units; how soon its money is looked for again.
    payment_fees: dict[str, Decimal] = PAYMENT_FEES
    payment_retry_seconds: int = Field(default=2 * 3600, ge=1)
    payment_acknowledgement_seconds: int = Field(default=4 * 3600, ge=1)

    @model_validator(mode="after")
    def _payment_fees_can_be_booked(self) -> Self:
        for currency in self.payment_fees:
            if fee_of(currency, self.payment_fees) < 0:
                msg = "AURUM_PAYMENT_FEES: a fee is not below zero"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _the_ach_is_named_wholly(self) -> Self:
        if (self.ach_odfi is None) != (self.ach_company_id is None):
            msg = "AURUM_ACH_ODFI and AURUM_ACH_COMPANY_ID are set both or neither"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _deadlines_are_ordered(self) -> Self:
        if self.wire_hard_stop_seconds <= self.wire_sla_seconds:
            msg = "AURUM_WIRE_HARD_STOP_SECONDS has to be later than AURUM_WIRE_SLA_SECONDS"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _wires_have_a_rail_a_fee_and_limits(self) -> Self:
        unreachable = [currency for currency in self.wire_fees if not _has_rail(currency)]
        if unreachable:
            msg = f"AURUM_WIRE_FEES: there is no rail for {', '.join(unreachable)}"
            raise ValueError(msg)
        for currency, fee in self.wire_fees.items():
            for amount in (fee.fee, fee.correspondent, *fee.tiers.values()):
                _check_amount(amount, currency)
        if missing := WIRE_LIMITS.keys() - self.wire_limits.keys():
            msg = f"AURUM_WIRE_LIMITS has to name every tier; {', '.join(sorted(missing))} are missing"
            raise ValueError(msg)
        return self

    @property
    def wire_terms(self) -> WireTerms:
        """The terms on which wires are taken."""
        return WireTerms(fees=self.wire_fees, limits=self.wire_limits, bank_country=self.bank_bic[4:6])

    @model_validator(mode="after")
    def _field_keys_fit(self) -> Self:
        Keyring.of(self.field_keys, self.field_key_id)
        if self.environment is Environment.PRODUCTION:
            for key_id, key in self.field_keys.items():
                weak = weakness(decoded(key_id, key))
                if weak:
                    msg = f"AURUM_FIELD_KEYS: the key {key_id} {weak}; make one with `openssl rand -base64 32`"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _an_identity_provider_is_named_wholly_and_safely(self) -> Self:
        if (self.clerk_issuer is None) != (self.clerk_audience is None):
            msg = "AURUM_CLERK_ISSUER and AURUM_CLERK_AUDIENCE are set both or neither"
            raise ValueError(msg)
        for address in filter(None, (self.clerk_issuer, self.clerk_jwks_url)):
            if not address.startswith(("https://", "http://127.0.0.1:", "http://[::1]:")):
                msg = "AURUM_CLERK_ISSUER and AURUM_CLERK_JWKS_URL are https addresses"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _a_named_provider_has_what_it_needs(self) -> Self:
        if self.email_provider is EmailKind.SENDGRID and self.sendgrid_api_key is None:
            msg = "AURUM_SENDGRID_API_KEY is needed where AURUM_EMAIL_PROVIDER is sendgrid"
            raise ValueError(msg)
        if self.quotes_provider is QuotesKind.ALPHA_VANTAGE and self.alpha_vantage_key is None:
            msg = "AURUM_ALPHA_VANTAGE_KEY is needed where AURUM_QUOTES_PROVIDER is alpha_vantage"
            raise ValueError(msg)
        if self.store_provider is StoreKind.S3 and not self.s3_bucket:
            msg = "AURUM_S3_BUCKET is needed where AURUM_STORE_PROVIDER is s3"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _production_refuses_development_secrets(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            if self.token_secret.get_secret_value() == DEVELOPMENT_SECRET:
                msg = "AURUM_TOKEN_SECRET still has its development value"
                raise ValueError(msg)
            if self.fingerprint_key.get_secret_value() == DEVELOPMENT_FINGERPRINT_KEY:
                msg = "AURUM_FINGERPRINT_KEY still has its development value"
                raise ValueError(msg)
            if self.signing_key_file is None:
                msg = "AURUM_SIGNING_KEY_FILE is needed in production: a PEM file with an Ed25519 private key"
                raise ValueError(msg)
            if self.scanner is ScannerKind.NONE:
                msg = "AURUM_SCANNER is needed in production: clamav, or uploads would be served unscanned"
                raise ValueError(msg)
            if not only_real(self.sanctions_sources):
                raise ValueError(NO_REAL_LISTS)
        return self


def _check_amount(amount: Decimal, currency: str) -> None:
    try:
        to_minor(amount, currency)
    except InvalidAmount as error:
        msg = f"AURUM_WIRE_FEES: {error.detail}"
        raise ValueError(msg) from None


def _has_rail(currency: str) -> bool:
    rule = rules().get(currency)
    return rule is not None and rule.opens is not None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on first use."""
    return Settings()
