ALTER TABLE wire_transfers DROP CONSTRAINT wire_transfers_approvals_required_check;
ALTER TABLE wire_transfers ADD CONSTRAINT wire_transfers_approvals_required_check CHECK (approvals_required >= 0);
INSERT INTO wire_moves (from_status, to_status, mover) VALUES ('pending', 'approved', 'process') ON CONFLICT DO NOTHING;

-- What a wire orders never changes, it moves as `wire_moves` says, and it is approved when every place of its routing is
-- filled. Nobody has to approve where the routing says so, and screening has found nothing.
-- As it stands now: 0036_02_guard.sql.
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
        OR (NEW.approved_by, NEW.approved_at, NEW.assignee) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.assignee)) THEN
        RAISE EXCEPTION 'a customer takes wire % back or answers, and no more', OLD.id USING ERRCODE = 'AU112';
    END IF;
    IF NEW.status <> OLD.status THEN
        SELECT m.mover INTO allowed FROM wire_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a wire does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU111';
        END IF;
        IF session_user = 'aurum_api' AND allowed <> 'person' OR session_user = 'aurum_worker' AND allowed <> 'process' THEN
            RAISE EXCEPTION 'the move from % to % is made by a %', OLD.status, NEW.status, allowed USING ERRCODE = 'AU112';
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
        IF NEW.status = 'approved' AND (
            (SELECT count(DISTINCT a.place) FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'approve'
                AND a.content_hash = NEW.content_hash AND a.officer_id <> NEW.user_id
                AND a.place <= NEW.approvals_required) < NEW.approvals_required
            OR NEW.senior_required AND NOT EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id
                AND a.decision = 'approve' AND a.content_hash = NEW.content_hash AND routing.approvers[a.place] = 'senior')
            OR NEW.approvals_required = 0 AND NEW.compliance_status <> 'clear'
            OR EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'reject')
            OR NEW.compliance_status IN ('pending', 'hit', 'blocked')) THEN
            RAISE EXCEPTION 'wire % is not approved by enough officers', NEW.id USING ERRCODE = 'AU113';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
