"""The bank's API that counts no requests: what its metrics are compared with (`tests.bench.observation`)."""

from fastapi import FastAPI

from api.main import create_app as create_counted
from api.metrics import Metrics


class _Uncounted(Metrics):
    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts nothing."""


def create_app() -> FastAPI:
    """The application over the settings of the process."""
    app = create_counted()
    app.state.metrics = _Uncounted()
    return app
