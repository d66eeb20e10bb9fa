"""One stack's addresses, and the settings that carry them to the API and the worker."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.folder import DataFolder, Secrets, read_json
from infra.local.locks import living

NAMESPACE: Final = "default"
REPOSITORY: Final = Path(__file__).resolve().parents[2]
OWNER_ROLE: Final = "postgres"
DATABASE: Final = "aurum"
_NOSTRO_SERIALS: Final = {"USD": 1, "EUR": 2, "GBP": 3}


def nostro_iban(serial: int) -> str:
    """The IBAN of our account number `serial` (1 to 9) at the counterparty bank."""
    bban = f"MOCK000000900{serial}"
    digits = "".join(str(int(letter, 36)) for letter in f"{bban}NL00")
    return f"NL{98 - int(digits) % 97:02d}{bban}"


NOSTRO_ACCOUNTS: Final = {currency: nostro_iban(serial) for currency, serial in _NOSTRO_SERIALS.items()}
# Our account for the American rail; its number is what the bank knows us by in Nacha files.
_ACH_SERIAL: Final = 4
ACH_COMPANY_ID: Final = f"000000900{_ACH_SERIAL}"
ACH_IBAN: Final = nostro_iban(_ACH_SERIAL)
# The counterparty's routing number; fictional, with a correct check digit.
ACH_ODFI: Final = "999999992"


# One machine plays every customer here, so a load test is no flood. Guessing is slowed down as everywhere.
_LIMITS: Final = {
    "sign_in": {"user": "1200/minute", "address": "1200/minute"},
    "mail": {"user": "600/minute", "address": "600/minute"},
    **{kind: {"user": "600000/minute", "address": "600000/minute"} for kind in ("money", "reads", "other")},
}


@dataclass(frozen=True)
class Site:
    """Where the parts of one folder listen."""

    folder: DataFolder
    ports: Mapping[str, int]
    secrets: Secrets

    @property
    def api_url(self) -> str:
        """Base address of the API, without a trailing slash."""
        return f"http://127.0.0.1:{self.ports['api']}"

    @property
    def bank_url(self) -> str:
        """Base address of the counterparty bank's control plane."""
        return f"http://127.0.0.1:{self.ports['bank']}"

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's gRPC frontend."""
        return f"127.0.0.1:{self.ports['temporal']}"

    @property
    def temporal_ui_url(self) -> str:
        """Address of Temporal's web UI."""
        return f"http://127.0.0.1:{self.ports['temporal_ui']}"

    @property
    def temporal_http_url(self) -> str:
        """Address of Temporal's HTTP API."""
        return f"http://127.0.0.1:{self.ports['temporal_http']}"

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Where Prometheus asks, by who answers."""
        told = {"api": "api", "worker": "worker_metrics", "api_sdk": "api_sdk_metrics"}
        told |= {"worker_sdk": "worker_sdk_metrics", "temporal": "temporal_metrics"}
        return {name: f"http://127.0.0.1:{self.ports[port]}/metrics" for name, port in told.items()}

    @property
    def owner_url(self) -> str:
        """The database as its owner."""
        return self.database_url(OWNER_ROLE, self.secrets.owner_password)

    @property
    def worker_ready_file(self) -> Path:
        """The file that the worker makes once it polls."""
        return self.folder.run / "worker.ready"

    def database_url(self, role: str, password: str, database: str = DATABASE) -> str:
        """A connection address; the generated passwords need no escaping."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.ports['db']}/{database}"

    def environment(self, overrides: Mapping[str, str]) -> dict[str, str]:
        """The environment of the API and the worker.

        The caller's variables and `overrides` win over what the stack merely proposes; what is an address of
        the stack is the stack's to say.
        """
        proposed = {
            "AURUM_BANK_HOURS": "always",
            "AURUM_LIMITS": json.dumps(_LIMITS),
            "AURUM_SIGNING_KEY_FILE": str(self.secrets.signing_key_file),
            "AURUM_TOKEN_SECRET": self.secrets.token_secret,
            "AURUM_FIELD_KEYS": self.secrets.field_keys,
            "AURUM_FIELD_KEY_ID": self.secrets.field_key_id,
            "AURUM_PAYLOAD_KEYS": self.secrets.payload_keys,
            "AURUM_PAYLOAD_KEY_ID": self.secrets.payload_key_id,
            "AURUM_FINGERPRINT_KEY": self.secrets.fingerprint_key,
        }
        addresses = {
            "AURUM_DATABASE_URL": self.owner_url,
            "AURUM_DATABASE_API_URL": self.database_url("aurum_api", self.secrets.api_password),
            "AURUM_DATABASE_WORKER_URL": self.database_url("aurum_worker", self.secrets.worker_password),
            "AURUM_TEMPORAL_ADDRESS": self.temporal_address,
            "AURUM_TEMPORAL_NAMESPACE": NAMESPACE,
            "AURUM_TEMPORAL_UI_URL": self.temporal_ui_url,
            "AURUM_BANK_OUTBOX": str(self.folder.bank_outbox),
            "AURUM_BANK_INBOX": str(self.folder.bank_inbox),
            "AURUM_NOSTRO_ACCOUNTS": json.dumps(NOSTRO_ACCOUNTS),
            "AURUM_ACH_ODFI": ACH_ODFI,
            "AURUM_ACH_COMPANY_ID": ACH_COMPANY_ID,
            "AURUM_MAIL_DIR": str(self.folder.root / "mail"),
            "AURUM_STORE_DIR": str(self.folder.root / "store"),
            "AURUM_AUDIT_ANCHOR_FILE": str(self.folder.root / "audit" / "heads.jsonl"),
            "AURUM_PUBLIC_URL": self.api_url,
            "AURUM_WORKER_READY_FILE": str(self.worker_ready_file),
            "AURUM_WORKER_METRICS_ADDRESS": f"127.0.0.1:{self.ports['worker_metrics']}",
            "AURUM_WORKER_SDK_METRICS_ADDRESS": f"127.0.0.1:{self.ports['worker_sdk_metrics']}",
            "AURUM_API_SDK_METRICS_ADDRESS": f"127.0.0.1:{self.ports['api_sdk_metrics']}",
        }
        return {**proposed, **os.environ, **overrides, **addresses, "PYTHONUNBUFFERED": "1"}

    def info(self) -> dict[str, Any]:
        """What a ready file says: every address, the seeded people, and the processes that live now."""
        pids = {str(part): identity.pid for part, identity in living(self.folder).items()}
        return {
            "api_url": self.api_url,
            "temporal_address": self.temporal_address,
            "temporal_ui_url": self.temporal_ui_url,
            "namespace": NAMESPACE,
            "database_url": self.owner_url,
            "bank_url": self.bank_url,
            "metrics_urls": self.metrics_urls,
            "bank_outbox": str(self.folder.bank_outbox),
            "bank_inbox": str(self.folder.bank_inbox),
            "mail_dir": str(self.folder.root / "mail"),
            "store_dir": str(self.folder.root / "store"),
            "people": read_json(self.folder.people_file) or [],
            "pids": {**pids, "supervisor": os.getpid()},
        }
