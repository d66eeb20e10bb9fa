"""The data folder of one stack: where everything lies, its secrets, and files that are never half written."""

import base64
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.local.parts import Part, StackError

_PRIVATE_FOLDERS: Final = (
    "run",
    "log",
    "secrets",
    "mail",
    "store",
    "temporal",
    "bank",
    "bank/outbox",
    "bank/inbox",
    "audit",
)


def write_atomically(path: Path, text: str) -> None:
    """Write a file of mode 0600 that a reader sees either whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """The content of a JSON file, or None when it is absent or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


@dataclass(frozen=True)
class Secrets:
    """What the stack generates once: database passwords by role, what tokens are signed with, and the keys of personal
    data and of payloads (as JSON, id to base64), each with the id of the current one."""

    owner_password: str
    api_password: str
    worker_password: str
    token_secret: str
    signing_key_file: Path
    field_keys: str
    field_key_id: str
    payload_keys: str
    payload_key_id: str
    fingerprint_key: str


@dataclass(frozen=True)
class DataFolder:
    """The layout of a data folder. `root` is absolute."""

    root: Path

    @property
    def run(self) -> Path:
        """Locks and records of what runs now."""
        return self.root / "run"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own data directory, owned by the user it runs as."""
        return self.root / "postgres"

    @property
    def bank_outbox(self) -> Path:
        """Files from us to the bank."""
        return self.root / "bank" / "outbox"

    @property
    def bank_inbox(self) -> Path:
        """Files from the bank to us."""
        return self.root / "bank" / "inbox"

    @property
    def people_file(self) -> Path:
        """The seeded people, kept for a start of single parts."""
        return self.root / "people.json"

    def log(self, part: Part | str) -> Path:
        """The log file of one part: its standard output and error."""
        return self.root / "log" / f"{part}.log"

    def prepare(self) -> None:
        """Create what is missing. Raises `StackError` when the folder cannot be used."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for name in _PRIVATE_FOLDERS:
                # The root is opened for the database's user to pass through; what is not his is closed here.
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(f"The data folder {self.root} cannot be used: {error.strerror}.") from error

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the folder's own lock, for the moment in which ports and secrets are read or made."""
        handle = os.open(self.run / "folder.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def secrets(self) -> Secrets:
        """The secrets of this folder, made on first use. Call it while holding `exclusive`."""
        signing_key = self.root / "secrets" / "signing_key.pem"
        if not signing_key.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_atomically(signing_key, pem.decode("ascii"))
        field_keys, payload_keys = self._keys("field_keys"), self._keys("payload_keys")
        return Secrets(
            owner_password=self._secret("owner_password"),
            api_password=self._secret("api_password"),
            worker_password=self._secret("worker_password"),
            token_secret=self._secret("token_secret"),
            signing_key_file=signing_key,
            field_keys=json.dumps(field_keys["keys"]),
            field_key_id=field_keys["current"],
            payload_keys=json.dumps(payload_keys["keys"]),
            payload_key_id=payload_keys["current"],
            fingerprint_key=self._secret("fingerprint_key"),
        )

    def _keys(self, name: str) -> dict[str, Any]:
        path = self.root / "secrets" / f"{name}.json"
        if not path.exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
            write_atomically(path, json.dumps({"current": "1", "keys": {"1": key}}, indent=1))
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return {"current": str(kept["current"]), "keys": dict(kept["keys"])}
        except (ValueError, KeyError, TypeError) as error:
            # A new key in its place would lose what the old one sealed.
            raise StackError(f"{path} is damaged: restore it, or begin with an empty data folder.") from error

    def _secret(self, name: str) -> str:
        path = self.root / "secrets" / name
        if not path.exists():
            write_atomically(path, secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8").strip()

    def log_tail(self, part: Part | str, *, lines: int = 8, since: int = 0) -> str:
        """The last lines of a part's log, from byte `since` on; empty when it wrote nothing."""
        try:
            with self.log(part).open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(since, end - 16_384))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])
