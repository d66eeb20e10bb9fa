"""Who comes in, what personal data and payloads are sealed with, and how much anybody may ask."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

from infra.crypto import BadFieldKey, Keyring
from infra.limits import Limits
from models.realtime import SocketLimits

DEVELOPMENT_SECRET: Final = "development-only-secret-do-not-use-in-production"
DEVELOPMENT_FINGERPRINT_KEY: Final = "development-only-fingerprint-key"
# Base64 of "development-only-not-a-real-key!".
DEVELOPMENT_FIELD_KEY: Final = "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1yZWFsLWtleSE="
# Base64 of "development-only-open-to-anybody".
DEVELOPMENT_PAYLOAD_KEY: Final = "ZGV2ZWxvcG1lbnQtb25seS1vcGVuLXRvLWFueWJvZHk="
# As a browser tells it: no path, and no wildcard.
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]


class DoorSettings(BaseModel):
    """Tokens, keys, rates, and an identity provider beside ours."""

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
    # What Temporal keeps (infra.payloads): keys as above, and of their own, since Temporal's keys are replaced without
    # touching the database. Older keys stay until `python -m infra.admin payload-keys` has said that no history needs
    # them. Not sealed at all: for a developer who reads histories, never in production.
    payload_encryption: bool = True
    payload_keys: dict[str, SecretStr] = Field(default={"development": SecretStr(DEVELOPMENT_PAYLOAD_KEY)})
    payload_key_id: str = "development"
    # Where heads of the audit log's chain are kept (infra.audit_anchors): out of reach of the database's owner. Without
    # it nobody can tell that the end of the log was cut off.
    audit_anchor_file: Path | None = None

    # The door. Rates by class, per person and per address; counted in each process unless Redis is named.
    limits: Limits = Limits()
    redis_url: SecretStr | None = None
    sockets: SocketLimits = SocketLimits()
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

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        for variable, keys, current in (
            ("AURUM_FIELD_KEYS", self.field_keys, self.field_key_id),
            ("AURUM_PAYLOAD_KEYS", self.payload_keys, self.payload_key_id),
        ):
            try:
                Keyring.of(keys, current)
            except BadFieldKey as error:
                msg = f"{variable}: {error}"
                raise ValueError(msg) from None
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
