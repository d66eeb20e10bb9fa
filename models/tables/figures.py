"""What operations measure of the bank, counted from its rows: how much waits, for how long, and what is overdue.

Each figure is read from what is open, by an index that holds nothing else, so that it costs the same after ten years
(`tests/infra/test_figures.py`). Ages are in seconds, and 0 where nothing waits.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Each as the index of its table names them: another list would not find it.
_OPEN_WIRES: Final = ("pending", "awaiting_approval", "info_requested", "approved", "released", "acknowledged")
_OPEN_PAYMENTS: Final = ("scheduled", "funded", "released", "acknowledged")
_OPEN_REVIEWS: Final = ("pending", "submitted", "in_review", "info_requested")
_UNFINISHED_FILES: Final = ("prepared", "staged", "quarantined", "to_read_again")
_UNSENT: Final = ("waiting", "sending", "failed", "uncertain")


def _listed(statuses: tuple[str, ...]) -> str:
    return ", ".join(f"'{status}'" for status in statuses)


def _by_status(name: str, table: str, statuses: tuple[str, ...], since: str) -> str:
    """How many rows of `table` have each of `statuses`, and for how long the oldest of them."""
    return (
        f"SELECT f.name, s.status, f.value FROM unnest(ARRAY[{_listed(statuses)}]) s(status)"
        f" LEFT JOIN (SELECT status, count(*) AS found, min({since}) AS since FROM {table}"
        f" WHERE status IN ({_listed(statuses)}) GROUP BY status) c ON c.status = s.status"
        f" CROSS JOIN LATERAL (VALUES ('{name}', coalesce(c.found, 0)::float8), ('{name}_oldest_seconds',"
        " coalesce(extract(epoch FROM clock_timestamp() - c.since), 0)::float8)) f(name, value)"
    )


def _waiting(name: str, of: str, since: str) -> str:
    """How many rows there are of `of` (a table and a condition), and for how long the oldest of them."""
    return (
        f"SELECT f.name, '', f.value FROM (SELECT count(*) AS found, min({since}) AS since FROM {of}) c"
        f" CROSS JOIN LATERAL (VALUES ('{name}', c.found::float8), ('{name}_oldest_seconds',"
        " coalesce(extract(epoch FROM clock_timestamp() - c.since), 0)::float8)) f(name, value)"
    )


def _count(name: str, of: str, label: str = "") -> str:
    return f"SELECT '{name}', '{label}', count(*)::float8 FROM {of}"


def _age(name: str, moment: str, label: str = "''") -> str:
    """How long ago `moment` was; nothing where there was none. A moment a little ahead of this clock is now."""
    return (
        f"SELECT '{name}', {label}, greatest(extract(epoch FROM clock_timestamp() - m.at), 0)::float8"
        f" FROM ({moment}) m WHERE m.at IS NOT NULL"
    )


_BOOKS: Final = (
    _age("aurum_ledger_proof_age_seconds", "SELECT at FROM ledger_proofs ORDER BY id DESC LIMIT 1"),
    (
        "SELECT 'aurum_ledger_proof_breaches', '', breach_count::float8"
        " FROM (SELECT breach_count FROM ledger_proofs ORDER BY id DESC LIMIT 1) p"
    ),
    (
        "SELECT f.name, k.kind, f.value FROM unnest('{processes,flows}'::text[]) k(kind) CROSS JOIN LATERAL"
        " (SELECT at, proven, finding_count FROM side_proofs p WHERE p.kind = k.kind ORDER BY id DESC LIMIT 1) p"
        " CROSS JOIN LATERAL (VALUES"
        " ('aurum_side_proof_age_seconds', extract(epoch FROM clock_timestamp() - p.at)::float8),"
        " ('aurum_side_proof_done', p.proven::int::float8), ('aurum_side_proof_findings', p.finding_count::float8))"
        " f(name, value)"
    ),
    _count("aurum_posting_frozen", "ledger_freezes WHERE ended_at IS NULL"),
    (
        "SELECT 'aurum_holds', o.kind, count(h.id)::float8 FROM unnest('{wire,payment}'::text[]) o(kind)"
        " LEFT JOIN holds h ON h.owner_kind = o.kind AND h.status = 'open' GROUP BY o.kind"
    ),
    _waiting("aurum_reconciliation_breaks", "reconciliation_breaks WHERE status = 'open'", "created_at"),
    # Not when the sealer ran last: in a quiet night there is nothing to seal.
    (
        "SELECT 'aurum_audit_unsealed_oldest_seconds', '', greatest(extract(epoch FROM clock_timestamp() - ("
        "SELECT at FROM audit_logs WHERE id > coalesce((SELECT max(audit_id) FROM audit_seals), 0) ORDER BY id LIMIT 1"
        ")), 0)::float8"
    ),
)
_DESKS: Final = (
    _by_status("aurum_wires", "wire_transfers", _OPEN_WIRES, "updated_at"),
    _by_status("aurum_wires", "wire_transfers", ("blocked",), "updated_at"),
    _count(
        "aurum_overdue",
        "wire_transfers WHERE status IN ('awaiting_approval', 'info_requested') AND sla_deadline < clock_timestamp()",
        "wire_approval",
    ),
    _count("aurum_overdue", "screening_cases WHERE closed_at IS NULL AND due_at < clock_timestamp()", "screening"),
    _count("aurum_overdue", "sanctions_reports WHERE filed_at IS NULL AND due_on < current_date", "sanctions_report"),
    _count(
        "aurum_overdue",
        f"kyc_cases WHERE status IN ({_listed(_OPEN_REVIEWS)}) AND sla_deadline < clock_timestamp()",
        "review",
    ),
    # Whoever waits for the bank notes once that it is late, by its own hours: an age would be wrong on a Sunday.
    _count(
        "aurum_overdue",
        "wire_transfers w WHERE status = 'released' AND EXISTS"
        " (SELECT FROM wire_events e WHERE e.wire_id = w.id AND e.step = 'bank_silent')",
        "bank_wires",
    ),
    _count(
        "aurum_overdue",
        "payments p WHERE status IN ('released', 'acknowledged') AND EXISTS"
        " (SELECT FROM payment_events e WHERE e.payment_id = p.id AND e.step = 'silent/' || p.status)",
        "bank_payments",
    ),
    _by_status("aurum_reviews", "kyc_cases", _OPEN_REVIEWS, "updated_at"),
    _by_status("aurum_payments", "payments", _OPEN_PAYMENTS, "updated_at"),
    _waiting("aurum_screening_cases", "screening_cases WHERE closed_at IS NULL", "opened_at"),
)
_EDGES: Final = (
    _waiting("aurum_outbox", "outbox WHERE dispatched_at IS NULL", "created_at"),
    _by_status("aurum_bank_files", "bank_messages", _UNFINISHED_FILES, "created_at"),
    _waiting("aurum_bank_answers", "bank_answers WHERE applied_at IS NULL", "received_at"),
    _age(
        "aurum_bank_heard_age_seconds",
        "SELECT created_at AS at FROM bank_messages WHERE direction = 'inbound' ORDER BY id DESC LIMIT 1",
    ),
    _by_status("aurum_mail", "notifications", _UNSENT, "created_at"),
    _age("aurum_list_age_seconds", "SELECT name, checked_at AS at FROM sanctions_lists", "m.name"),
    _age("aurum_statements_age_seconds", "SELECT made_at AS at FROM statements ORDER BY id DESC LIMIT 1"),
)
FIGURES: Final = " UNION ALL ".join((*_DESKS, *_BOOKS, *_EDGES))
_BANK: Final = text(FIGURES)
_DATABASE: Final = text("SELECT name, label, value FROM observed_database()")
_PATIENCE: Final = text("SET LOCAL statement_timeout = '3s'")

Figure = tuple[str, str, float]


async def figures(session: AsyncSession) -> list[Figure]:
    """The figures of the bank and of the database: each with its name, what it is of, and its value.

    For the worker's role. Gives up after three seconds.
    """
    await session.execute(_PATIENCE)
    found = [*(await session.execute(_BANK)), *(await session.execute(_DATABASE))]
    return [(str(name), str(label), float(value)) for name, label, value in found]
