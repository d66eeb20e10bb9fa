-- What has to hold in the books at any moment, whoever wrote them; each row that comes back is a breach.
-- As it stands now: 0008_01_ledger_checkpoints.sql.
CREATE OR REPLACE FUNCTION ledger_proof() RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'postings_sum_to_zero', p.currency, 0::bigint, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT 'entry_sums_to_zero', p.transaction_id::text, 0, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.transaction_id, p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT b.rule, b.subject, b.expected, b.found
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total, count(*) AS legs, max(account_version) AS newest
                   FROM postings GROUP BY account_id) s
            ON s.account_id = a.id
        CROSS JOIN LATERAL (VALUES
            ('balance_is_sum_of_postings', a.account_number, coalesce(s.total, 0), a.posted_minor),
            ('version_counts_postings', a.account_number, coalesce(s.legs, 0), a.version),
            -- Each version is there once, by a unique key: with the newest as large as their number none is missing.
            ('versions_have_no_gap', a.account_number, coalesce(s.legs, 0), coalesce(s.newest, 0))
        ) b(rule, subject, expected, found)
        WHERE a.floor_minor IS NOT NULL AND b.expected <> b.found
    UNION ALL
    SELECT 'balance_after_follows', s.transaction_id || '/' || s.leg, s.should, s.balance_after_minor
        FROM (SELECT p.transaction_id, p.leg, p.balance_after_minor, p.amount_minor
                     + coalesce(lag(p.balance_after_minor) OVER (PARTITION BY p.account_id ORDER BY p.account_version), 0) AS should
              FROM postings p WHERE p.account_version IS NOT NULL) s
        WHERE s.should <> s.balance_after_minor
    UNION ALL
    SELECT 'posting_has_account', p.account_id::text, 0, count(*) FROM postings p
        WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = p.account_id) GROUP BY p.account_id
    UNION ALL
    SELECT 'posting_has_entry', p.transaction_id::text, 0, count(*) FROM postings p
        WHERE NOT EXISTS (SELECT FROM transactions t WHERE t.id = p.transaction_id) GROUP BY p.transaction_id
    UNION ALL
    SELECT 'held_is_sum_of_open_holds', a.account_number, coalesce(s.total, 0), a.held_minor
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM holds WHERE status = 'open' GROUP BY account_id) s
            ON s.account_id = a.id
        WHERE a.held_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'entry_has_legs', t.id::text, 2, count(p.leg) FROM transactions t LEFT JOIN postings p ON p.transaction_id = t.id
        GROUP BY t.id HAVING count(p.leg) < 2
$$;

-- What has to hold between the books and the processes that move them; each row that comes back is a breach.
--
-- `movement_has_origin` proves that an entry booked before `settled_before` was asked for by somebody or something that
-- left a trace of its own, in a table that is append-only or guarded: a wire's step by its line in the timeline; the
-- opening funds by their key and the bank's opening account; everything else by a line of the audit log that names the
-- entry, or by a process of the outbox whose id the key begins with. It cannot prove that whoever asked was allowed to:
-- that is the audit log's matter, whose rows are sealed.
-- As it stands now: 0011_04_process_proof.sql.
CREATE FUNCTION ledger_process_proof(settled_before timestamptz)
    RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'open_hold_has_live_process', h.id::text, 0::bigint, h.amount_minor
        FROM holds h LEFT JOIN wire_transfers w ON h.owner_kind = 'wire' AND w.id = h.owner_id
        WHERE h.status = 'open' AND (w.id IS NULL
            OR w.status IN ('rejected', 'cancelled', 'expired', 'failed', 'completed', 'returned'))
    UNION ALL
    SELECT 'live_wire_has_hold', w.id::text, w.amount_minor + w.fee_minor, coalesce(h.amount_minor, 0)
        FROM wire_transfers w LEFT JOIN holds h ON h.owner_kind = 'wire' AND h.owner_id = w.id AND h.status = 'open'
            AND h.account_id = w.sender_account_id
        WHERE w.status NOT IN ('rejected', 'cancelled', 'expired', 'failed', 'completed', 'returned')
            AND w.amount_minor + w.fee_minor <> coalesce(h.amount_minor, 0)
    UNION ALL
    -- Of a wire that has ended: paid, its money was taken; not paid, it was given back.
    SELECT 'ended_wire_agrees_with_its_hold', w.id::text, w.amount_minor + w.fee_minor, coalesce(h.amount_minor, 0)
        FROM wire_transfers w LEFT JOIN holds h ON h.owner_kind = 'wire' AND h.owner_id = w.id
        WHERE CASE WHEN w.status IN ('completed', 'returned') THEN h.status IS DISTINCT FROM 'captured'
                   WHEN w.status IN ('rejected', 'cancelled', 'expired', 'failed') THEN h.status IS DISTINCT FROM 'released' END
    UNION ALL
    SELECT 'settled_wire_has_its_entry', w.id::text, -(w.amount_minor + w.fee_minor), coalesce(s.moved, 0)
        FROM wire_transfers w
        LEFT JOIN LATERAL (SELECT sum(p.amount_minor)::bigint AS moved FROM postings p
            WHERE p.transaction_id = w.transaction_id AND p.account_id = w.sender_account_id) s ON true
        WHERE w.status IN ('completed', 'returned') AND coalesce(s.moved, 0) <> -(w.amount_minor + w.fee_minor)
    UNION ALL
    SELECT 'movement_has_origin', t.id::text, 1, 0 FROM transactions t
        WHERE t.created_at < settled_before AND NOT CASE
            WHEN t.transaction_type IN ('wire', 'wire_return') THEN EXISTS (
                SELECT FROM wire_events e WHERE e.wire_id = CASE
                        WHEN t.idempotency_key ~ '^wire/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/'
                        THEN substring(t.idempotency_key, 6, 36)::uuid END
                    AND (t.transaction_type, t.idempotency_key, e.event) IN (
                        ('wire', 'wire/' || e.wire_id || '/settlement', 'completed'),
                        ('wire_return', 'wire/' || e.wire_id || '/return', 'returned')))
            WHEN t.transaction_type = 'opening' AND t.idempotency_key LIKE 'opening/%' THEN EXISTS (
                SELECT FROM postings p JOIN accounts a ON a.id = p.account_id
                    WHERE p.transaction_id = t.id AND a.purpose = 'opening')
            ELSE EXISTS (SELECT FROM audit_logs l WHERE l.resource_type = 'transaction' AND l.resource_id = t.id::text
                    AND l.outcome = 'done')
                OR split_part(t.idempotency_key, '/', 1) || '/' || split_part(t.idempotency_key, '/', 2)
                    IN (SELECT o.workflow_id FROM outbox o)
            END
$$;

REVOKE EXECUTE ON FUNCTION ledger_process_proof(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_process_proof(timestamptz) TO aurum_worker;
