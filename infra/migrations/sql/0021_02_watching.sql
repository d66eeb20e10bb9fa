-- What the staff look at as a whole, and find wires by. The conditions would be kept away from the indexes by row level
-- security, and some of the counts are of rows that nobody of the staff may read one by one; so these look at the right
-- of whoever asks themselves.
CREATE INDEX wire_transfers_ended ON wire_transfers (status, updated_at)
    WHERE status NOT IN ('pending', 'awaiting_approval', 'info_requested', 'approved', 'released', 'acknowledged');
CREATE INDEX wire_transfers_similar ON wire_transfers USING gin (lower(recipient_name || ' ' || reference) gin_trgm_ops);
CREATE INDEX bank_messages_quarantined ON bank_messages (created_at) WHERE status = 'quarantined';

-- As it stands now: 0032_05_pages.sql.
CREATE FUNCTION staff_dashboard() RETURNS jsonb
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
            WHERE status = 'completed' AND updated_at >= date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'),
        'mail_failed', (SELECT count(*) FROM notifications WHERE status IN ('failed', 'uncertain')),
        'outbox_waiting', (SELECT count(*) FROM outbox WHERE dispatched_at IS NULL),
        'quarantined', (SELECT count(*) FROM bank_messages WHERE status = 'quarantined'),
        'frozen', EXISTS (SELECT FROM ledger_freezes WHERE ended_at IS NULL),
        'proven_at', (SELECT p.at FROM ledger_proofs p ORDER BY p.at DESC LIMIT 1),
        'days', (SELECT jsonb_agg(jsonb_build_object('day', d.day, 'wires', coalesce(c.wires, 0)) ORDER BY d.day)
            FROM (SELECT ((clock_timestamp() AT TIME ZONE 'UTC')::date - n) AS day FROM generate_series(0, 13) n) d
            LEFT JOIN (SELECT (w.created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS wires FROM wire_transfers w
                WHERE w.id >= uuidv7('-14 days') GROUP BY 1) c ON c.day = d.day))
    WHERE app.role() NOT IN ('', 'customer', 'authenticator') AND app.may('wires:read')
$$;

-- The newest wires with that id, UETR or end-to-end id, or with these words in the recipient's name or the reference.
CREATE FUNCTION staff_find_wires(wanted text, named uuid, most integer) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT w.id FROM wire_transfers w
    WHERE app.role() NOT IN ('', 'customer', 'authenticator') AND app.may('wires:read')
        AND (w.id = named OR w.uetr = named
            OR w.end_to_end_id = upper(wanted)
            OR lower(w.recipient_name || ' ' || w.reference) LIKE
                '%' || replace(replace(replace(lower(wanted), '\', '\\'), '%', '\%'), '_', '\_') || '%')
    ORDER BY w.id DESC LIMIT most
$$;
REVOKE EXECUTE ON FUNCTION staff_dashboard(), staff_find_wires(text, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_dashboard(), staff_find_wires(text, uuid, integer) TO aurum_api;
