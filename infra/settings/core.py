"""Where a process runs, and the two servers that it stands on: PostgreSQL and Temporal."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from infra.choices import Environment, Risk


class CoreSettings(BaseModel):
    """The environment, the database, Temporal."""

    environment: Environment = Environment.DEVELOPMENT
    # What is named here is not refused in production.
    accepted_risks: frozenset[Risk] = frozenset()
    log_level: str = "INFO"

    # PostgreSQL, three roles: owner (migrations, operators), api (row level security), worker.
    database_url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/aurum")
    database_api_url: SecretStr = SecretStr("postgresql://aurum_api@127.0.0.1:5432/aurum")
    database_worker_url: SecretStr = SecretStr("postgresql://aurum_worker@127.0.0.1:5432/aurum")
    database_pool_size: int = Field(default=16, ge=1, le=200)

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    # Its certificate is checked against `ca_file`, or what the machine trusts; the pair of ours is shown to it (mTLS).
    temporal_tls: bool = False
    temporal_tls_server_name: str | None = None
    temporal_tls_ca_file: Path | None = None
    temporal_tls_cert_file: Path | None = None
    temporal_tls_key_file: Path | None = None
    temporal_api_key: SecretStr | None = None
    temporal_ui_url: str = "http://127.0.0.1:8233"
    task_queue: str = "aurum"
    # Which build of the code a worker runs, such as its commit: processes stay with it or move on, as each says
    # (decision 0042). Without one a worker takes every process, as the embedded stack's does.
    worker_build_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    # What the builds are builds of; Temporal takes no dot in it.
    worker_deployment: str = Field(default="aurum", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    worker_drain_seconds: float = Field(default=10, gt=0)
    # Touched once the worker polls; the embedded stack waits for it.
    worker_ready_file: Path | None = None
    # How often the worker looks for outbox rows that nobody dispatched at once.
    relay_seconds: float = Field(default=0.5, gt=0)

    @model_validator(mode="after")
    def _what_opens_temporal_travels_sealed(self) -> Self:
        if (self.temporal_tls_cert_file is None) != (self.temporal_tls_key_file is None):
            msg = "AURUM_TEMPORAL_TLS_CERT_FILE and AURUM_TEMPORAL_TLS_KEY_FILE are set both or neither"
            raise ValueError(msg)
        needing = {
            "AURUM_TEMPORAL_TLS_SERVER_NAME": self.temporal_tls_server_name,
            "AURUM_TEMPORAL_TLS_CA_FILE": self.temporal_tls_ca_file,
            "AURUM_TEMPORAL_TLS_CERT_FILE": self.temporal_tls_cert_file,
            "AURUM_TEMPORAL_API_KEY": self.temporal_api_key,
        }
        if not self.temporal_tls and (named := [name for name, value in needing.items() if value is not None]):
            msg = f"AURUM_TEMPORAL_TLS has to be true where {', '.join(named)} is set"
            raise ValueError(msg)
        return self
