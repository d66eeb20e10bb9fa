"""Sanctions lists as they are kept (`lists`), what came in (`imports`), what differs (`delta`), and which pairs were
found not to be the same (`memory`), and what the wires in flight were compared with (`rescreenings`).
"""

from models.tables.sanctions.delta import changes, parties_in_flight
from models.tables.sanctions.imports import (
    Staging,
    confirmed,
    failed,
    register,
    saw_at_source,
    seen_at_source,
    stage,
    take,
)
from models.tables.sanctions.lists import (
    Current,
    country_rules,
    current,
    customer_versions,
    entries_of,
    hold_versions,
    put_country_rules,
    stale_lists,
    status,
    version,
    version_at,
)
from models.tables.sanctions.memory import FalsePositive, approve, known, propose, void
from models.tables.sanctions.rescreenings import News, compared, found_before, news

__all__ = [
    "Current",
    "FalsePositive",
    "News",
    "Staging",
    "approve",
    "changes",
    "compared",
    "confirmed",
    "country_rules",
    "current",
    "customer_versions",
    "entries_of",
    "failed",
    "found_before",
    "hold_versions",
    "known",
    "news",
    "parties_in_flight",
    "propose",
    "put_country_rules",
    "register",
    "saw_at_source",
    "seen_at_source",
    "stage",
    "stale_lists",
    "status",
    "take",
    "version",
    "version_at",
    "void",
]
