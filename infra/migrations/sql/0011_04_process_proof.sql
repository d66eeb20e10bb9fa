-- What has to hold between the books and the processes that move them; each row that comes back is a breach.
--
-- `movement_has_origin` proves that an entry booked before `settled_before` was asked for by somebody or something that
-- left a trace of its own, in a table that is append-only or guarded: a step of a wire or a payment by its line in the
-- timeline; the opening funds by their key and the bank's opening account; everything else by a line of the audit log that
-- names the entry, or by a process of the outbox whose id the key begins with. It cannot prove that whoever asked was
-- allowed to: that is the audit log's matter, whose rows are sealed.
CREATE OR REPLACE FUNCTION ledger_process_proof(settled_before timestamptz)
    RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'open_hold_has_live_process', h.id::text, 0::bigint, h.amount_minor
        FROM holds h LEFT JOIN wire_transfers w ON h.owner_kind = 'wire' AND w.id = h.owner_id
            LEFT JOIN payments y ON h.owner_kind = 'payment' AND y.id = h.owner_id
        WHERE h.status = 'open' AND (coalesce(w.id, y.id) IS NULL
            OR w.status IN ('rejected', 'cancelled', 'expired', 'failed', 'completed', 'returned')
            OR y.status IN ('scheduled', 'cancelled', 'failed', 'completed', 'returned'))
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
    SELECT 'live_payment_has_hold', y.id::text, y.amount_minor + y.fee_minor, coalesce(h.amount_minor, 0)
        FROM payments y LEFT JOIN holds h ON h.owner_kind = 'payment' AND h.owner_id = y.id AND h.status = 'open'
            AND h.account_id = y.sender_account_id
        WHERE y.status IN ('funded', 'released', 'acknowledged', 'blocked')
            AND y.amount_minor + y.fee_minor <> coalesce(h.amount_minor, 0)
    UNION ALL
    -- Of a payment that has ended: paid, its money was taken; not paid, it was given back if it ever was set aside.
    SELECT 'ended_payment_agrees_with_its_hold', y.id::text, y.amount_minor + y.fee_minor, coalesce(h.amount_minor, 0)
        FROM payments y LEFT JOIN holds h ON h.owner_kind = 'payment' AND h.owner_id = y.id
        WHERE CASE WHEN y.status IN ('completed', 'returned') THEN h.status IS DISTINCT FROM 'captured'
                   WHEN y.status IN ('failed', 'cancelled') THEN h.status IN ('open', 'captured') END
    UNION ALL
    SELECT 'settled_payment_has_its_entry', y.id::text, -(y.amount_minor + y.fee_minor), coalesce(s.moved, 0)
        FROM payments y
        LEFT JOIN LATERAL (SELECT sum(p.amount_minor)::bigint AS moved FROM postings p
            WHERE p.transaction_id = y.transaction_id AND p.account_id = y.sender_account_id) s ON true
        WHERE y.status IN ('completed', 'returned') AND coalesce(s.moved, 0) <> -(y.amount_minor + y.fee_minor)
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
            WHEN t.transaction_type IN ('payment', 'payment_return') THEN EXISTS (
                SELECT FROM payment_events e WHERE e.payment_id = CASE
                        WHEN t.idempotency_key ~ '^payment/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/'
                        THEN substring(t.idempotency_key, 9, 36)::uuid END
                    AND (t.transaction_type, t.idempotency_key, e.event) IN (
                        ('payment', 'payment/' || e.payment_id || '/settlement', 'completed'),
                        ('payment_return', 'payment/' || e.payment_id || '/return', 'returned')))
            WHEN t.transaction_type = 'opening' AND t.idempotency_key LIKE 'opening/%' THEN EXISTS (
                SELECT FROM postings p JOIN accounts a ON a.id = p.account_id
                    WHERE p.transaction_id = t.id AND a.purpose = 'opening')
            ELSE EXISTS (SELECT FROM audit_logs l WHERE l.resource_type = 'transaction' AND l.resource_id = t.id::text
                    AND l.outcome = 'done')
                OR split_part(t.idempotency_key, '/', 1) || '/' || split_part(t.idempotency_key, '/', 2)
                    IN (SELECT o.workflow_id FROM outbox o)
            END
$$;

-- What its owner may do to the state of an account. Outcomes: frozen, closed, unchanged, not_found, wrong_state, or of a
-- closing what is in its way: balance, holds, processes.
CREATE OR REPLACE FUNCTION account_set_status(wanted_account uuid, wanted_status text) RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    account accounts%ROWTYPE;
    reasons text[] := '{}';
BEGIN
    SELECT * INTO account FROM accounts a WHERE a.id = wanted_account AND a.user_id IS NOT NULL
        AND (session_user <> 'aurum_api' OR a.user_id = app.user_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '{not_found}';
    END IF;
    IF account.status = wanted_status THEN
        RETURN '{unchanged}';
    END IF;
    -- To lift a freeze is the bank's, and nothing reopens a closed account.
    IF account.status = 'closed' OR wanted_status NOT IN ('frozen', 'closed') THEN
        RETURN '{wrong_state}';
    END IF;
    IF wanted_status = 'closed' THEN
        IF account.posted_minor <> 0 THEN
            reasons := reasons || 'balance'::text;
        END IF;
        IF account.held_minor <> 0 THEN
            reasons := reasons || 'holds'::text;
        END IF;
        -- Processes that still need the account: money of a released or completed wire may come back to it.
        IF EXISTS (SELECT FROM wire_transfers w WHERE w.sender_account_id = account.id
                   AND w.status NOT IN ('rejected', 'cancelled', 'expired', 'failed', 'completed', 'returned'))
            OR EXISTS (SELECT FROM payments p WHERE p.sender_account_id = account.id
                   AND p.status NOT IN ('cancelled', 'failed', 'completed', 'returned'))
            OR EXISTS (SELECT FROM standing_orders s WHERE s.sender_account_id = account.id AND s.status = 'active') THEN
            reasons := reasons || 'processes'::text;
        END IF;
        IF reasons <> '{}' THEN
            RETURN reasons;
        END IF;
    END IF;
    UPDATE accounts SET status = wanted_status, closed_at = CASE WHEN wanted_status = 'closed' THEN clock_timestamp() END
        WHERE id = account.id;
    RETURN ARRAY[wanted_status];
END $$;
