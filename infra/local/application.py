"""The parts of our own: the API and the worker, with the stack's addresses in their environment."""

import sys
from typing import ClassVar

from infra.local.http import answers_ok
from infra.local.locks import living
from infra.local.parts import Part
from infra.local.processes import Launch
from infra.local.program import Program
from infra.local.site import REPOSITORY


class Application(Program):
    """One process of ours."""

    def _launch(self, *arguments: str) -> Launch:
        return Launch((sys.executable, *arguments), cwd=REPOSITORY, environment=self.settings)


class Api(Application):
    """The HTTP API."""

    part: ClassVar[Part] = Part.API

    def prepare(self) -> Launch:
        """Say how to start it."""
        return self._launch(
            *("-m", "uvicorn", "api.main:create_app", "--factory", "--host", "127.0.0.1"),
            *("--port", str(self.site.ports["api"]), "--no-access-log", "--log-level", "warning"),
            *("--timeout-graceful-shutdown", "5"),
            # It would tell what serves, and believe whoever says that they are somebody else's address.
            *("--no-server-header", "--no-proxy-headers"),
            # Messages of sockets are short, and compressing each takes more memory than the socket.
            *("--ws-max-size", "65536", "--ws-per-message-deflate", "false"),
        )

    def answers(self) -> bool:
        """Whether it can serve: all it needs when all it needs runs, else that it is there."""
        needs_run = {Part.DB, Part.TEMPORAL} <= living(self.site.folder).keys()
        return answers_ok(f"{self.site.api_url}/{'ready' if needs_run else 'health'}")


class Worker(Application):
    """The worker that carries out workflows."""

    part: ClassVar[Part] = Part.WORKER
    # It drains what it has begun first.
    stop_seconds: ClassVar[float] = 20.0

    def prepare(self) -> Launch:
        """Forget an earlier run's sign and say how to start it."""
        self.site.worker_ready_file.unlink(missing_ok=True)
        return self._launch(str(REPOSITORY / "worker.py"))

    def answers(self) -> bool:
        """Whether it polls."""
        return self.site.worker_ready_file.exists()
