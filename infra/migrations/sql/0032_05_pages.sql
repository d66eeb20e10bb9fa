-- What pages of the staff cost with a hundred thousand wires behind them. The rights of whoever asks are the same for each
-- row: asked in a subquery they are looked at once for a statement, and no longer once for a row. The same people see the
-- same rows as before.
ALTER POLICY own ON wire_transfers USING (user_id = (SELECT app.user_id()));
ALTER POLICY staff ON wire_transfers USING ((SELECT app.may('wires:read') AND app.role() <> 'customer'));
ALTER POLICY staff ON transactions USING ((SELECT app.may('transactions:read') AND app.role() <> 'customer'));
ALTER POLICY staff ON postings USING ((SELECT app.may('transactions:read') AND app.role() <> 'customer'));
ALTER POLICY operations ON notifications
    USING ((SELECT app.may('admin:system') AND app.role() NOT IN ('', 'customer', 'authenticator')));
ALTER POLICY staff ON audit_logs
    USING ((SELECT app.may('admin:reports') OR app.may('admin:system') OR app.may('admin:compliance')));

-- As 0021_02_watching.sql has it; the first of the last fourteen days is made once, and not for each wire, so that an
-- index finds them. And what waits for desks that came since, for whoever may see them.
CREATE OR REPLACE FUNCTION staff_dashboard() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT jsonb_build_object(
        'to_decide', (SELECT count(*) FROM wire_transfers WHERE status IN ('awaiting_approval', 'info_requested')),
        'late', (SELECT count(*) FROM wire_transfers
            WHERE status IN ('awaiting_approval', 'info_requested') AND sla_deadline < clock_timestamp()),
        'next_deadline', (SELECT min(sla_deadline) FROM wire_transfers
            WHERE status IN ('awaiting_approval', 'info_requested') AND sla_deadline >= clock_timestamp()),
        'under_way', (SELECT count(*) FROM wire_transfers
            WHERE status IN ('pending', 'approved', 'released', 'acknowledged')),
        'blocked', (SELECT count(*) FROM wire_transfers WHERE status = 'blocked'),
        'completed_today', (SELECT count(*) FROM wire_transfers
            WHERE status = 'completed'
                AND updated_at >= (SELECT date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')),
        'mail_failed', (SELECT count(*) FROM notifications WHERE status IN ('failed', 'uncertain')),
        'outbox_waiting', (SELECT count(*) FROM outbox WHERE dispatched_at IS NULL),
        'quarantined', (SELECT count(*) FROM bank_messages WHERE status = 'quarantined'),
        'monitoring_open', CASE WHEN app.monitoring_reader(NULL)
            THEN (SELECT count(*) FROM monitoring_cases WHERE status = 'open') END,
        'breaks_open', CASE WHEN app.watches_reconciliation()
            THEN (SELECT count(*) FROM reconciliation_breaks WHERE status = 'open') END,
        'reversals_waiting', CASE WHEN app.may('transactions:approve')
            THEN (SELECT count(*) FROM transaction_reversals WHERE status = 'awaiting_confirmation') END,
        'frozen', EXISTS (SELECT FROM ledger_freezes WHERE ended_at IS NULL),
        'proven_at', (SELECT p.at FROM ledger_proofs p ORDER BY p.at DESC LIMIT 1),
        'days', (SELECT jsonb_agg(jsonb_build_object('day', d.day, 'wires', coalesce(c.wires, 0)) ORDER BY d.day)
            FROM (SELECT ((clock_timestamp() AT TIME ZONE 'UTC')::date - n) AS day FROM generate_series(0, 13) n) d
            LEFT JOIN (SELECT (w.created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS wires FROM wire_transfers w
                WHERE w.id >= (SELECT uuidv7('-14 days')) GROUP BY 1) c ON c.day = d.day))
    WHERE app.role() NOT IN ('', 'customer', 'authenticator') AND app.may('wires:read')
$$;
