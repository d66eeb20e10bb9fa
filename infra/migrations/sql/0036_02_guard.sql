-- Whether enough officers have approved a wire of what it orders: every place of its routing is filled (nobody has to
-- approve where the routing says so), or two senior officers have confirmed an override in this very transaction, with an
-- after-review opened. A wire that was blocked since takes another one.
CREATE FUNCTION app.enough_eyes(wire wire_transfers, approvers text[]) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN NOT EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = wire.id AND a.decision = 'reject')
        AND (EXISTS (SELECT FROM wire_overrides o JOIN wire_after_reviews r ON r.override_id = o.id
                WHERE o.wire_id = wire.id AND o.content_hash = wire.content_hash AND o.confirmed_at = transaction_timestamp())
            OR (SELECT count(DISTINCT a.place) FROM wire_approvals a WHERE a.wire_id = wire.id AND a.decision = 'approve'
                    AND a.content_hash = wire.content_hash AND a.officer_id <> wire.user_id
                    AND a.place <= wire.approvals_required) >= wire.approvals_required
                AND (NOT wire.senior_required OR EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = wire.id
                    AND a.decision = 'approve' AND a.content_hash = wire.content_hash AND approvers[a.place] = 'senior')));
REVOKE EXECUTE ON FUNCTION app.enough_eyes(wire_transfers, text[]) FROM PUBLIC;

-- What a wire orders never changes, it moves as `wire_moves` says, what screening found lets it go on or not, and it is
-- approved when `app.enough_eyes` says so.
CREATE OR REPLACE FUNCTION app.guard_wire() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed text;
    routing wire_routings%ROWTYPE;
BEGIN
    IF NEW.user_id <> OLD.user_id OR NEW.sender_account_id <> OLD.sender_account_id OR NEW.amount_minor <> OLD.amount_minor
        OR NEW.fee_minor <> OLD.fee_minor OR NEW.deducted_minor <> OLD.deducted_minor OR NEW.currency <> OLD.currency OR NEW.content_hash <> OLD.content_hash
        OR NEW.uetr <> OLD.uetr OR NEW.end_to_end_id <> OLD.end_to_end_id OR NEW.recipient_name <> OLD.recipient_name
        OR NEW.recipient_account_number <> OLD.recipient_account_number OR NEW.charges <> OLD.charges
        OR NEW.recipient_bank_swift IS DISTINCT FROM OLD.recipient_bank_swift
        OR NEW.recipient_routing_number IS DISTINCT FROM OLD.recipient_routing_number THEN
        RAISE EXCEPTION 'what wire % orders cannot be changed', OLD.id USING ERRCODE = 'AU110';
    END IF;
    IF session_user = 'aurum_api' AND OLD.user_id = app.user_id() AND (NEW.status = OLD.status
        OR (NEW.approved_by, NEW.approved_at, NEW.assignee, NEW.compliance_status)
            IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.assignee, OLD.compliance_status)) THEN
        RAISE EXCEPTION 'a customer takes wire % back or answers, and no more', OLD.id USING ERRCODE = 'AU112';
    END IF;
    IF NEW.compliance_status <> OLD.compliance_status AND (
        OLD.compliance_status = 'blocked'
        OR session_user = 'aurum_api' AND NEW.compliance_status NOT IN ('clear', 'hit')
        OR session_user = 'aurum_api' AND NEW.compliance_status = 'hit' AND NOT app.hits_in(NEW.id, '{confirmed}')
        OR NEW.compliance_status = 'clear' AND app.hits_in(NEW.id, '{pending,confirmed}')
        OR NEW.compliance_status = 'blocked' AND NOT app.ruled(NEW.id, 'seize', true)) THEN
        RAISE EXCEPTION 'what was found in wire % is not %', NEW.id, NEW.compliance_status USING ERRCODE = 'AU144';
    END IF;
    IF NEW.status <> OLD.status THEN
        SELECT m.mover INTO allowed FROM wire_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a wire does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU111';
        END IF;
        IF session_user = 'aurum_api' AND allowed <> 'person' OR session_user = 'aurum_worker' AND allowed <> 'process' THEN
            RAISE EXCEPTION 'the move from % to % is made by a %', OLD.status, NEW.status, allowed USING ERRCODE = 'AU112';
        END IF;
        -- What was found decides where a wire may go: on, only when every hit is cleared; a confirmed one nowhere but to
        -- `blocked`, and from there by what two officers have ruled.
        IF (NEW.compliance_status IN ('hit', 'blocked')) <> (NEW.status = 'blocked')
                AND NOT (OLD.status = 'blocked' AND NEW.status IN ('rejected', 'returned'))
            OR (NEW.status IN ('approved', 'released') OR OLD.status = 'pending' AND NEW.status IN ('awaiting_approval', 'info_requested'))
                AND (NEW.compliance_status <> 'clear' OR app.hits_in(NEW.id, '{pending,confirmed}'))
            OR OLD.status = 'blocked' AND NOT (CASE NEW.status
                WHEN 'pending' THEN NEW.compliance_status = 'clear' AND app.ruled(NEW.id, 'clear', true)
                WHEN 'rejected' THEN app.ruled(NEW.id, 'reject', true)
                ELSE app.ruled(NEW.id, 'release', true) END) THEN
            RAISE EXCEPTION 'what was found in wire % does not let it be %', NEW.id, NEW.status USING ERRCODE = 'AU144';
        END IF;
        IF (NEW.status = 'info_requested') <> EXISTS (SELECT FROM wire_questions q WHERE q.wire_id = NEW.id AND q.answer IS NULL)
            AND NEW.status IN ('info_requested', 'awaiting_approval', 'approved') THEN
            RAISE EXCEPTION 'wire % is % and its questions say otherwise', NEW.id, NEW.status USING ERRCODE = 'AU114';
        END IF;
        IF NEW.status IN ('awaiting_approval', 'approved') THEN
            SELECT * INTO routing FROM wire_routings r WHERE r.wire_id = NEW.id AND r.content_hash = NEW.content_hash;
            IF NOT FOUND OR NEW.approvals_required <> cardinality(routing.approvers)
                OR NEW.senior_required <> ('senior' = ANY (routing.approvers)) THEN
                RAISE EXCEPTION 'wire % does not say what its routing says', NEW.id USING ERRCODE = 'AU113';
            END IF;
        END IF;
        IF NEW.status = 'approved' AND NOT app.enough_eyes(NEW, routing.approvers) THEN
            RAISE EXCEPTION 'wire % is not approved by enough officers', NEW.id USING ERRCODE = 'AU113';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

-- Everything that the bank keeps about one wire, as one document: an evidence pack (models/evidence.py) is made of it.
-- It is a function, so that a pack is whole or is not made: row level security would leave out, without a word, what one
-- officer's rights do not show. What a new feature keeps about wires is added here.
-- As it stands now: 0037_02_evidence.sql.
CREATE OR REPLACE FUNCTION wire_evidence(wanted uuid) RETURNS jsonb
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
        'overrides', (SELECT coalesce(jsonb_agg(to_jsonb(o) - 'wire_id' - 'content_hash' - 'evidence_hash'
                || jsonb_build_object('content_hash', encode(o.content_hash, 'hex'),
                    'evidence_hash', encode(o.evidence_hash, 'hex'),
                    'after_review', (SELECT to_jsonb(r) - 'override_id' FROM wire_after_reviews r WHERE r.override_id = o.id))
                ORDER BY o.proposed_at, o.id), '[]')
            FROM wire_overrides o WHERE o.wire_id = w.id),
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
