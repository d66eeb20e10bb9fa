"""Where a process runs, and the two servers that it stands on: PostgreSQL and Temporal."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from infra.choices import Environment


class CoreSettings(BaseModel):
    """The environment, the database, Temporal."""

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
