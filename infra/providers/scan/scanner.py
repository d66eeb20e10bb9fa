"""What a scanner is for us, and the one that a bank has which has none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.kyc.documents import ScanStatus


@dataclass(frozen=True)
class Verdict:
    """What was found. `detail`: the name of what it is, or why the file could not be scanned."""

    status: ScanStatus
    detail: str = ""


class Scanner(Protocol):
    """Somebody who knows malicious content."""

    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:
        """Looks through `content`. Raises `Unavailable` where it does not answer, and whatever `content` raises."""
        ...


class NoScanner:
    """Nobody. What is decided on is decided on unscanned, and every document says so."""

    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:  # noqa: ARG002 # nobody looks at it
        """Reads nothing and says that it did not."""
        return Verdict(ScanStatus.NOT_CONFIGURED, "This bank has no scanner")
