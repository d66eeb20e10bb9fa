-- Everything that the bank keeps about one wire, as one document: an evidence pack (models/evidence.py) is made of it.
-- It is a function, so that a pack is whole or is not made: row level security would leave out, without a word, what one
-- officer's rights do not show. What a new feature keeps about wires is added here.
-- As it stands now: 0037_02_evidence.sql.
CREATE FUNCTION wire_evidence(wanted uuid) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT jsonb_build_object(
        'wire', to_jsonb(w) - 'content_hash' || jsonb_build_object('content_hash', encode(w.content_hash, 'hex')),
        'timeline', (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'wire_id' ORDER BY e.id), '[]') FROM wire_events e
            WHERE e.wire_id = w.id),
        'approvals', (SELECT coalesce(jsonb_agg(to_jsonb(a) - 'wire_id' - 'content_hash' - 'evidence_hash'
                || jsonb_build_object('content_hash', encode(a.content_hash, 'hex'),
                    'evidence_hash', encode(a.evidence_hash, 'hex')) ORDER BY a.created_at, a.id), '[]')
            FROM wire_approvals a WHERE a.wire_id = w.id),
        'screening', (SELECT coalesce(jsonb_agg(to_jsonb(h) - 'wire_id' ORDER BY h.id), '[]') FROM wire_hits h
            WHERE h.wire_id = w.id),
        'rulings', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'wire_id' ORDER BY r.proposed_at, r.id), '[]') FROM wire_rulings r
            WHERE r.wire_id = w.id),
        'routing', (SELECT to_jsonb(r) - 'wire_id' FROM wire_routings r WHERE r.wire_id = w.id),
        'questions', (SELECT coalesce(jsonb_agg(to_jsonb(q) - 'wire_id' ORDER BY q.round), '[]') FROM wire_questions q
            WHERE q.wire_id = w.id),
        'recalls', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'wire_id' ORDER BY r.created_at, r.id), '[]') FROM wire_recalls r
            WHERE r.wire_id = w.id),
        'hold', (SELECT to_jsonb(h) FROM holds h WHERE h.owner_kind = 'wire' AND h.owner_id = w.id),
        'entries', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'content_hash' || jsonb_build_object('postings',
                (SELECT jsonb_agg(to_jsonb(p) - 'transaction_id' ORDER BY p.leg) FROM postings p
                    WHERE p.transaction_id = t.id)) ORDER BY t.processed_at, t.id), '[]') FROM transactions t
            WHERE t.idempotency_key ^@ ('wire/' || w.id || '/') OR t.reversal_of = w.transaction_id),
        'messages', (SELECT coalesce(jsonb_agg(to_jsonb(m) - 'wire_id' - 'sha256' - 'content' || jsonb_build_object(
                'sha256', encode(m.sha256, 'hex'), 'content', encode(m.content, 'base64')) ORDER BY m.created_at, m.id), '[]')
            FROM bank_messages m
            WHERE m.wire_id = w.id OR m.id IN (SELECT b.message_id FROM bank_answers b WHERE b.wire_id = w.id)),
        'answers', (SELECT coalesce(jsonb_agg(to_jsonb(b) - 'wire_id' ORDER BY b.id), '[]') FROM bank_answers b
            WHERE b.wire_id = w.id))
    FROM wire_transfers w
    WHERE w.id = wanted AND app.role() NOT IN ('', 'customer', 'authenticator') AND app.may('wires:read')
        AND (app.may('admin:reports') OR app.may('admin:compliance') OR app.may('admin:system'))
$$;
REVOKE EXECUTE ON FUNCTION wire_evidence(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wire_evidence(uuid) TO aurum_api;
