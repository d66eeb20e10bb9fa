"""What is seen of a running process, and by whom: traces, metrics, files of logs, reports of failures."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr


def _listenable(address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
        fits = 0 < int(port) < 65536
    except ValueError:
        fits = False
    if not fits:
        msg = "an address to listen at is an IP address and a port: 127.0.0.1:9464, 0.0.0.0:9464, [::]:9464"
        raise ValueError(msg)
    return address


ListenAddress = Annotated[str, AfterValidator(_listenable)]


class ObservationSettings(BaseModel):
    """Each is off until it is named."""

    # Traces go to a collector that speaks OTLP over HTTP; its address without `/v1/traces`.
    otlp_endpoint: str | None = None
    otlp_headers: dict[str, SecretStr] = Field(default_factory=dict)
    # The share of traces that are kept, decided where one begins.
    trace_ratio: float = Field(default=1, ge=0, le=1)

    # What Prometheus shows when it asks (`Authorization: Bearer …`); without one only this machine may ask.
    metrics_token: SecretStr | None = None
    # Where the worker tells its metrics and its health, and where Temporal's SDK tells what it measures.
    worker_metrics_address: ListenAddress | None = None
    worker_sdk_metrics_address: ListenAddress | None = None
    api_sdk_metrics_address: ListenAddress | None = None
    # How long the figures that are counted in the database are shown before they are counted again.
    metrics_seconds: float = Field(default=5, ge=0)

    # A folder for files of each day, beside standard output, and how many days they are kept.
    log_dir: Path | None = None
    log_days: int = Field(default=30, ge=1)

    # Failures that nobody foresaw go there.
    sentry_dsn: SecretStr | None = None
