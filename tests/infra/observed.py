"""A whole bank that is watched by everything at once: traces, metrics, files of logs, reports of failures."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import orjson

from infra.local.stack import Stack
from tests.factories.collector import Received, collector

PATIENCE_SECONDS = 60.0
RECIPIENT = "Wilhelmina Featherstonehaugh"
NUMBER = "000987654321"
T = TypeVar("T")


def until(look: Callable[[], T], what: str, wanted: Callable[[T], bool] = bool) -> T:
    """The first value of `look` that is `wanted`."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not wanted(seen := look()):
        assert time.monotonic() < ends, f"waited for {what}, still {seen!r}"
        time.sleep(0.1)
    return seen


@dataclass
class Observed:
    """The bank, what it sent, and where its files are."""

    info: dict[str, Any]
    traces: Received
    folder: Path
    http: httpx.Client

    def token(self, role: str, preset: str | None = None) -> dict[str, str]:
        """What somebody of that kind sends with each request."""
        person = next(one for one in self.info["people"] if (one["role"], one.get("preset")) == (role, preset))
        said = self.http.post("/auth/login", json={key: person[key] for key in ("email", "password")})
        return {"Authorization": f"Bearer {said.raise_for_status().json()['data']['tokens']['accessToken']}"}

    def wire(self, request_id: str) -> str:
        """Has a wire ordered by the request `request_id`, approved, sent and settled; its id."""
        customer, officer = self.token("customer"), self.token("admin", "compliance_officer")
        accounts = self.http.get("/accounts", headers=customer).raise_for_status().json()["data"]
        order = {
            "from_account_id": next(one["id"] for one in accounts if one["currency"] == "USD"),
            "amount": 10,
            "currency": "USD",
            "recipient_name": RECIPIENT,
            "recipient_bank_name": "Test Bank",
            "recipient_bank_swift": "TESTUS33",
            "recipient_account_number": NUMBER,
        }
        marks = {"Idempotency-Key": request_id, "X-Request-ID": request_id}
        wire_id = str(self.http.post("/wires", json=order, headers=customer | marks).raise_for_status().json()["id"])

        def stands(status: str) -> bool:
            return bool(self.http.get(f"/wires/{wire_id}", headers=customer).json()["status"] == status)

        until(lambda: stands("awaiting_approval"), "the checks")
        self.http.put(f"/wires/{wire_id}/approve", headers=officer).raise_for_status()
        until(lambda: stands("completed"), "the bank")
        return wire_id

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The lines of today's files of that kind, such as `worker-application`."""
        files = sorted((self.folder / "log").glob(f"{kind}.*.jsonl"))
        return [orjson.loads(line) for file in files for line in file.read_text().splitlines()]

    def exposed(self) -> dict[str, str]:
        """What each part of ours tells Prometheus."""
        return {
            name: httpx.get(url, trust_env=False, timeout=30).raise_for_status().text
            for name, url in self.info["metrics_urls"].items()
            if name != "temporal"
        }

    def families(self) -> set[str]:
        """The names of all metrics that a query can ask for."""
        return {name for text in self.exposed().values() for name in names(text)}


def names(exposition: str) -> set[str]:
    """The names that a query can ask for, in a text of Prometheus' format; of families without a value yet too."""
    found = set(re.findall(r"^([a-zA-Z_:][\w:]*)(?:\{| )", exposition, re.MULTILINE))
    for family, kind in re.findall(r"^# TYPE (\S+) (\w+)$", exposition, re.MULTILINE):
        found |= {f"{family}{end}" for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
    return found


@contextmanager
def observed() -> Iterator[Observed]:
    """The running bank; it ends with the block."""
    # Not pytest's own folder: PostgreSQL runs as another user when we are root.
    with TemporaryDirectory() as name, collector() as traces, Stack(Path(name) / "data") as stack:
        stack.start(
            env={
                "AURUM_OTLP_ENDPOINT": traces.url,
                "AURUM_OTLP_HEADERS": '{"x-tenant": "aurum"}',
                "AURUM_LOG_DIR": str(Path(name) / "log"),
                "AURUM_METRICS_SECONDS": "0",
            }
        )
        info = stack.info()
        with httpx.Client(base_url=f"{info['api_url']}/api/v1", trust_env=False, timeout=60) as http:
            yield Observed(info, traces, Path(name), http)
