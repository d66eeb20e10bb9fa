"""The durable engine part: Temporal's development server, on disk."""

import os
import socket
import sys
from pathlib import Path
from typing import ClassVar

from infra.local.http import answers_ok
from infra.local.parts import Part, StackError
from infra.local.processes import Launch
from infra.local.program import Program
from infra.local.site import NAMESPACE


class Temporal(Program):
    """The server with its web UI."""

    part: ClassVar[Part] = Part.TEMPORAL

    def prepare(self) -> Launch:
        """Say how to start it; it makes its own database file."""
        # Lazily: this module is needed to stop a stack too, whatever state the models are in.
        from models.search_attributes import SEARCH_ATTRIBUTES  # noqa: PLC0415

        binary = Path(sys.executable).with_name("temporal")
        if not binary.exists():
            raise StackError("The program temporal is missing beside this Python; run make setup again.")
        home = self.site.folder.root / "temporal"
        ports = self.site.ports
        attributes = (f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items())
        command = (
            *(str(binary), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(ports["temporal"])),
            *("--ui-port", str(ports["temporal_ui"]), "--http-port", str(ports["temporal_http"])),
            *("--metrics-port", str(ports["temporal_metrics"]), "--db-filename", str(home / "temporal.db")),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
            *("--namespace", NAMESPACE, "--ui-disable-news-fetch", *attributes),
        )
        return Launch(command, cwd=home, environment={**os.environ, "TEMPORAL_VERSION_CHECK_DISABLED": "1"})

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
