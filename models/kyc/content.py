"""What a decision about a review is a decision about: documents, profile, findings, rating, answers, as one hash."""

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

# A new member that matters gets a new version, so that old hashes stay checkable.
CONTENT_VERSION: Final = 1


class Content(BaseModel):
    """All that officers decide on. Lists are in an order of their own, so that the same content is the same hash."""

    model_config = ConfigDict(frozen=True)

    round: int
    tier: str
    declaration: dict[str, Any]
    profile: dict[str, Any]
    documents: tuple[dict[str, Any], ...]
    hits: tuple[dict[str, Any], ...]
    rating: dict[str, Any]
    answers: tuple[dict[str, Any], ...]


def content_hash(content: Content) -> bytes:
    """SHA-256 over `content`, with its version in front."""
    canonical = json.dumps(
        content.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    )
    return hashlib.sha256(f"kyc/{CONTENT_VERSION}\n{canonical}".encode()).digest()
