"""The outside services that Aurum can be joined to: mail, the store, the scanner, prices, lists."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from infra.choices import EmailKind, QuotesKind, ScannerKind, StoreKind
from infra.mail_events import verification_key
from models.screening.sources import FICTIONAL_SOURCES, ListSource


class EdgeSettings(BaseModel):
    """Which service, where it is, and what opens it."""

    email_provider: EmailKind = EmailKind.FOLDER
    mail_dir: Path = Path(".local/mail")
    sendgrid_api_key: SecretStr | None = None
    sendgrid_url: str = "https://api.sendgrid.com"
    # The public key that SendGrid's event webhook is verified with, and how old its signature may be.
    sendgrid_webhook_key: str | None = None
    sendgrid_webhook_seconds: int = Field(default=600, ge=1, le=86_400)
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

    # Lists to screen against, the folder for files on their way, and how old a list may be at a release.
    sanctions_sources: tuple[ListSource, ...] = FICTIONAL_SOURCES
    sanctions_dir: Path = Path(".local/lists")
    sanctions_stale_seconds: int = Field(default=36 * 3600, ge=60)
    # For how many days after it was carried out an order is held against what is new on a list; 0: not at all.
    sanctions_lookback_days: int = Field(default=30, ge=0, le=3650)

    @field_validator("sendgrid_webhook_key")
    @classmethod
    def _verifies(cls, given: str | None) -> str | None:
        if given is not None:
            verification_key(given)
        return given

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
