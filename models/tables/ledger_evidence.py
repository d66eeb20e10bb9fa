"""Why a rule of the ledger does not hold: the postings, entries and holds that a breach is seen by."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.ledger import Breach
from models.ledger_proof import Evidence, Explanation
from models.tables.ledger_proofs import breaches

# Each gives (at, told), oldest first, for the subject of a breach.
_ACCOUNT: Final = """
    SELECT s.created_at, 'posting ' || s.transaction_id || '/' || s.leg || ' of ' || s.amount_minor || ' leaves '
           || s.balance_after_minor || ' at version ' || s.account_version || ', after ' || s.before || ' at version '
           || s.version_before
    FROM (SELECT p.*, coalesce(lag(p.balance_after_minor) OVER newer, 0) AS before,
                 coalesce(lag(p.account_version) OVER newer, 0) AS version_before
          FROM postings p JOIN accounts a ON a.id = p.account_id
          WHERE a.account_number = :subject WINDOW newer AS (ORDER BY p.account_version)) s
    WHERE s.before + s.amount_minor <> s.balance_after_minor OR s.version_before + 1 <> s.account_version
    UNION ALL
    (SELECT p.created_at, 'the last posting, ' || p.transaction_id || '/' || p.leg || ', leaves '
            || p.balance_after_minor || ' at version ' || p.account_version || '; the account says '
            || a.posted_minor || ' at version ' || a.version
     FROM postings p JOIN accounts a ON a.id = p.account_id
     WHERE a.account_number = :subject ORDER BY p.account_version DESC LIMIT 1)
    ORDER BY 1 LIMIT 20
"""
_LEGS: Final = """
    SELECT p.created_at, 'posting ' || p.transaction_id || '/' || p.leg || ' of ' || p.amount_minor || ' ' || p.currency
           || ' on ' || coalesce(a.account_number, 'no account')
    FROM postings p LEFT JOIN accounts a ON a.id = p.account_id WHERE p.transaction_id::text = :subject
    ORDER BY p.leg LIMIT 20
"""
_CURRENCY: Final = """
    SELECT min(p.created_at), 'entry ' || p.transaction_id || ' sums to ' || sum(p.amount_minor)
    FROM postings p WHERE p.currency = :subject
    GROUP BY p.transaction_id HAVING sum(p.amount_minor) <> 0 ORDER BY 1 LIMIT 20
"""
_CHAIN: Final = """
    SELECT p.created_at, 'posting ' || p.transaction_id || '/' || p.leg || ' of ' || p.amount_minor || ' on '
           || a.account_number || ' leaves ' || p.balance_after_minor || ' at version ' || p.account_version
    FROM postings p JOIN accounts a ON a.id = p.account_id
    JOIN postings b ON b.account_id = p.account_id
        AND p.account_version BETWEEN b.account_version - 1 AND b.account_version
    WHERE b.transaction_id = split_part(:subject, '/', 1)::uuid AND b.leg = split_part(:subject, '/', 2)::smallint
    ORDER BY p.account_version
"""
_CHECKPOINT: Final = """
    SELECT c.rolled_at, 'checkpoint ' || coalesce(c.posted_minor, 0) || ' over ' || coalesce(c.postings, 0)
           || ' postings; waiting '
           || (SELECT coalesce(sum(u.posted_minor), 0) || ' over ' || coalesce(sum(u.postings), 0)
               FROM ledger_unrolled u WHERE u.account_id = a.id)
           || '; there are ' || (SELECT count(*) FROM postings p WHERE p.account_id = a.id)
    FROM accounts a LEFT JOIN ledger_checkpoints c ON c.account_id = a.id WHERE a.account_number = :subject
"""
_ORPHANS: Final = """
    SELECT p.created_at, 'posting ' || p.transaction_id || '/' || p.leg || ' of ' || p.amount_minor || ' ' || p.currency
    FROM postings p WHERE p.account_id::text = :subject ORDER BY 1 LIMIT 20
"""
_HOLDS: Final = """
    SELECT NULL::timestamptz, count(h.id) || ' open holds sum to ' || coalesce(sum(h.amount_minor), 0)
           || '; the account says ' || a.held_minor
    FROM accounts a LEFT JOIN holds h ON h.account_id = a.id AND h.status = 'open' WHERE a.account_number = :subject
    GROUP BY a.held_minor
    UNION ALL
    (SELECT h.placed_at, h.status || ' hold ' || h.id || ' of ' || h.amount_minor || ' for ' || h.owner_kind || ' '
           || h.owner_id || coalesce(', closed ' || h.closed_at, '')
    FROM holds h JOIN accounts a ON a.id = h.account_id WHERE a.account_number = :subject
    ORDER BY (h.status = 'open') DESC, h.placed_at DESC LIMIT 20)
    ORDER BY 1 NULLS FIRST
"""
_HOLD: Final = """
    SELECT h.placed_at, h.status || ' hold of ' || h.amount_minor || ' on ' || a.account_number || ' for '
           || h.owner_kind || ' ' || h.owner_id || ', which is ' || coalesce(w.status, 'not there')
    FROM holds h JOIN accounts a ON a.id = h.account_id LEFT JOIN wire_transfers w ON w.id = h.owner_id
    WHERE h.id::text = :subject
"""
_WIRE: Final = """
    SELECT w.updated_at, 'wire ' || w.id || ' is ' || w.status || '; its hold is '
           || coalesce(h.status || ', of ' || h.amount_minor, 'not there') || '; its entry is '
           || coalesce(w.transaction_id::text, 'not there')
    FROM wire_transfers w LEFT JOIN holds h ON h.owner_kind = 'wire' AND h.owner_id = w.id WHERE w.id::text = :subject
"""
_ENTRY: Final = """
    SELECT t.created_at, t.transaction_type || ' of ' || t.amount_minor || ' ' || t.currency || ', key '
           || t.idempotency_key
    FROM transactions t WHERE t.id::text = :subject
"""
_EVIDENCE: Final[dict[str, str]] = {
    "postings_sum_to_zero": _CURRENCY,
    "entry_sums_to_zero": _LEGS,
    "balance_is_sum_of_postings": _ACCOUNT,
    "version_counts_postings": _ACCOUNT,
    "versions_have_no_gap": _ACCOUNT,
    "balance_after_follows": _CHAIN,
    "checkpoint_is_sum_of_postings": _CHECKPOINT,
    "posting_has_account": _ORPHANS,
    "posting_has_entry": _LEGS,
    "held_is_sum_of_open_holds": _HOLDS,
    "entry_has_legs": _ENTRY,
    "open_hold_has_live_process": _HOLD,
    "live_wire_has_hold": _WIRE,
    "ended_wire_agrees_with_its_hold": _WIRE,
    "settled_wire_has_its_entry": _WIRE,
    "movement_has_origin": _ENTRY,
}


async def explain(session: AsyncSession, at: datetime, limit: int = 20) -> list[Explanation]:
    """The first `limit` breaches that there are now, each with what it is seen by. For the owner's role."""
    found = await breaches(session, at)
    return [Explanation(breach=breach, evidence=await _evidence(session, breach)) for breach in found[:limit]]


async def _evidence(session: AsyncSession, breach: Breach) -> tuple[Evidence, ...]:
    rows = await session.execute(text(_EVIDENCE[breach.rule]), {"subject": breach.subject})
    return tuple(Evidence(at=row[0], told=str(row[1])) for row in rows)
