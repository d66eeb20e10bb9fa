"""What the stack knows about a part: how to start it, when it answers, how to stop it."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from infra.local.parts import Part
from infra.local.processes import Launch
from infra.local.site import Site


class Program(ABC):
    """One part of one site."""

    part: ClassVar[Part]
    start_seconds: ClassVar[float] = 60.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 10.0

    def __init__(self, site: Site, overrides: Mapping[str, str] | None = None) -> None:
        """A part at the addresses of `site`, with settings (`AURUM_…`) that go before the caller's environment."""
        self.site = site
        self.settings = site.environment(overrides or {})

    @abstractmethod
    def prepare(self) -> Launch:
        """Create what the program needs on disk and say how to start it. Raises `StackError`."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does its work now; one quick attempt.

        Raises `StackError` for what no waiting mends.
        """

    def settle(self) -> None:  # noqa: B027 - most programs have nothing to set up
        """Set up what has to be there once it answers; safe to repeat. Raises `StackError`."""

    def worth_another_try(self, log_tail: str) -> bool:
        """Whether a start that ended with this log may succeed in a moment."""
        del log_tail
        return False
