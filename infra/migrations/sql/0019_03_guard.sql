-- What a wire orders never changes, it moves as `wire_moves` says, what screening found lets it go on or not, and it is
-- approved when every place of its routing is filled. Nobody has to approve where the routing says so.
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
        IF NEW.status = 'approved' AND (
            (SELECT count(DISTINCT a.place) FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'approve'
                AND a.content_hash = NEW.content_hash AND a.officer_id <> NEW.user_id
                AND a.place <= NEW.approvals_required) < NEW.approvals_required
            OR NEW.senior_required AND NOT EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id
                AND a.decision = 'approve' AND a.content_hash = NEW.content_hash AND routing.approvers[a.place] = 'senior')
            OR EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'reject')) THEN
            RAISE EXCEPTION 'wire % is not approved by enough officers', NEW.id USING ERRCODE = 'AU113';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

-- Status and money of a wire agree whenever a transaction commits, whoever wrote it: an open wire has its hold, a wire
-- that ended without payment has given it back, a completed one has turned it into its entry, and so has a seized one.
CREATE OR REPLACE FUNCTION app.wire_and_hold_agree() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    wire     wire_transfers%ROWTYPE;
    hold     holds%ROWTYPE;
    expected text;
BEGIN
    SELECT * INTO wire FROM wire_transfers w
        WHERE w.id = CASE TG_TABLE_NAME WHEN 'holds' THEN (to_jsonb(NEW) ->> 'owner_id')::uuid ELSE NEW.id END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a hold has no wire that owns it' USING ERRCODE = 'AU120';
    END IF;
    SELECT * INTO hold FROM holds h WHERE h.owner_kind = 'wire' AND h.owner_id = wire.id;
    expected := CASE
        WHEN wire.status IN ('rejected', 'cancelled', 'expired', 'failed') THEN 'released'
        WHEN wire.status IN ('completed', 'returned') THEN 'captured'
        -- Seized: two officers have said so, and its entry stands.
        WHEN wire.status = 'blocked' AND wire.compliance_status = 'blocked' THEN 'captured'
        ELSE 'open' END;
    IF hold.status IS DISTINCT FROM expected OR hold.account_id <> wire.sender_account_id
        OR hold.amount_minor <> wire.amount_minor + wire.fee_minor
        OR (expected = 'captured') <> (wire.transaction_id IS NOT NULL) THEN
        RAISE EXCEPTION 'wire % is % and its hold is %', wire.id, wire.status, coalesce(hold.status, 'missing')
            USING ERRCODE = 'AU121';
    END IF;
    RETURN NULL;
END $$;

INSERT INTO wire_moves (from_status, to_status, mover) VALUES
    ('pending', 'expired', 'process'), ('approved', 'expired', 'process'), ('awaiting_approval', 'blocked', 'process'),
    ('info_requested', 'blocked', 'process'), ('blocked', 'pending', 'person'), ('blocked', 'rejected', 'person'),
    ('blocked', 'returned', 'process'), ('pending', 'info_requested', 'process') ON CONFLICT DO NOTHING;
-- What officers note about a wire in which something was found stays with the staff, also when it was cleared.
ALTER TABLE wire_transfers ADD COLUMN reason_withheld boolean NOT NULL DEFAULT false;
GRANT UPDATE (compliance_status, reason_withheld) ON wire_transfers TO aurum_api;
GRANT UPDATE (reason_withheld) ON wire_transfers TO aurum_worker;
