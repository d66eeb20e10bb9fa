"""The durable engine part: Temporal's development server, on disk."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Final

from infra.local.http import answers_ok, client
from infra.local.parts import Part, StackError
from infra.local.processes import Launch
from infra.local.program import Program
from infra.local.site import NAMESPACE
from models.search_attributes import SEARCH_ATTRIBUTES

_CREATE_SECONDS: Final = 30.0


class Temporal(Program):
    """The server with its web UI."""

    part: ClassVar[Part] = Part.TEMPORAL

    def prepare(self) -> Launch:
        """Say how to start it; it makes its own database file."""
        home = self.site.folder.root / "temporal"
        ports = self.site.ports
        attributes = (f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items())
        command = (
            *(str(_binary()), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(ports["temporal"])),
            *("--ui-port", str(ports["temporal_ui"]), "--http-port", str(ports["temporal_http"])),
            *("--metrics-port", str(ports["temporal_metrics"]), "--db-filename", str(home / "temporal.db")),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
            *("--ui-codec-endpoint", f"{self.site.api_url}/codec", "--ui-disable-news-fetch"),
            *("--namespace", NAMESPACE, *attributes),
        )
        return Launch(command, cwd=home, environment=_environment())

    def answers(self) -> bool:
        """Whether the frontend describes our namespace.

        Asked over HTTP, which the same frontend serves, so that the supervisor needs no Temporal SDK: its
        native threads may crash an interpreter at exit.
        """
        if not answers_ok(f"{self.site.temporal_http_url}/api/v1/namespaces/{NAMESPACE}"):
            return False
        try:
            socket.create_connection(("127.0.0.1", self.site.ports["temporal"]), timeout=2).close()
        except OSError:
            return False
        return True

    def settle(self) -> None:
        """Add search attributes that a release brought since the server's database was made.

        The server takes them from its command line only when it makes that database.
        """
        path = f"/cluster/namespaces/{NAMESPACE}/search-attributes"
        with client(self.site.temporal_http_url) as http:
            known = http.get(path).raise_for_status().json().get("customAttributes", {})
        missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known}
        if missing:
            words = (word for name, kind in missing.items() for word in ("--name", name, "--type", kind))
            command = (str(_binary()), "operator", "search-attribute", "create", *words)
            done = subprocess.run(
                (*command, "--address", self.site.temporal_address, "--namespace", NAMESPACE),
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=_CREATE_SECONDS,
            )
            if done.returncode != 0:
                raise StackError(f"Temporal refused the search attributes {', '.join(missing)}: {done.stderr.strip()}")


def _binary() -> Path:
    binary = Path(sys.executable).with_name("temporal")
    if not binary.exists():
        raise StackError("The program temporal is missing beside this Python; run make setup again.")
    return binary


def _environment() -> dict[str, str]:
    """The caller's environment without what would point the program at another server."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return {**ours, "TEMPORAL_VERSION_CHECK_DISABLED": "1"}
