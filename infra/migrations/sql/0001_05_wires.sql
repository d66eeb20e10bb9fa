-- The allowed moves of a wire; the same table as models/wires.py MOVES, and a test holds them together.
-- mover: who may make the move. A person acts through the API (aurum_api), the process through the worker.
CREATE TABLE wire_moves (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    mover       text NOT NULL CHECK (mover IN ('person', 'process')),
    PRIMARY KEY (from_status, to_status)
);

CREATE TABLE wire_transfers (
    id                       uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id                  uuid NOT NULL REFERENCES users,
    sender_account_id        uuid NOT NULL REFERENCES accounts,
    transaction_id           uuid REFERENCES transactions,
    status                   text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'awaiting_approval', 'info_requested', 'approved', 'released', 'acknowledged',
                          'completed', 'rejected', 'cancelled', 'expired', 'blocked', 'failed', 'returned')),
    compliance_status        text NOT NULL DEFAULT 'pending'
        CHECK (compliance_status IN ('pending', 'clear', 'in_review', 'hit', 'blocked')),
    amount_minor             bigint NOT NULL CHECK (amount_minor > 0),
    fee_minor                bigint NOT NULL CHECK (fee_minor >= 0),
    -- BEN: our fee, taken out of the amount instead of added to it.
    deducted_minor           bigint NOT NULL DEFAULT 0 CHECK (deducted_minor >= 0 AND deducted_minor < amount_minor),
    currency                 text NOT NULL,
    exponent                 smallint NOT NULL,
    amount                   numeric GENERATED ALWAYS AS (round(amount_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    fee                      numeric GENERATED ALWAYS AS (round(fee_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    recipient_name           text NOT NULL,
    recipient_bank_name      text NOT NULL DEFAULT '',
    recipient_bank_swift     text,
    recipient_routing_number text,
    recipient_account_number text NOT NULL,
    recipient_address        jsonb,
    recipient_country        text NOT NULL,
    purpose_code             text,
    charges                  text NOT NULL CHECK (charges IN ('OUR', 'SHA', 'BEN')),
    reference                text NOT NULL DEFAULT '',
    regulatory_info          jsonb NOT NULL DEFAULT '{}',
    execution_date           date,
    value_date               date,
    uetr                     uuid NOT NULL UNIQUE,
    end_to_end_id            text NOT NULL UNIQUE CHECK (length(end_to_end_id) <= 35),
    content_hash             bytea NOT NULL CHECK (length(content_hash) = 32),
    approvals_required       integer NOT NULL DEFAULT 1 CHECK (approvals_required >= 1),
    senior_required          boolean NOT NULL DEFAULT false,
    sla_started_at           timestamptz,
    sla_remind_at            timestamptz,
    sla_escalate_at          timestamptz,
    sla_deadline             timestamptz,
    sla_hard_stop            timestamptz,
    sla_stage                text NOT NULL DEFAULT 'none'
        CHECK (sla_stage IN ('none', 'running', 'reminded', 'escalated', 'breached', 'expired', 'met')),
    approved_by              uuid REFERENCES users,
    approved_at              timestamptz,
    list_version             text,
    reason_code              text,
    reason_text              text,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT wire_transfers_has_bank CHECK (num_nonnulls(recipient_bank_swift, recipient_routing_number) >= 1),
    CONSTRAINT wire_transfers_id_and_maker UNIQUE (id, user_id)
);
CREATE INDEX wire_transfers_customer ON wire_transfers (user_id, created_at DESC);
CREATE INDEX wire_transfers_open ON wire_transfers (status, sla_deadline)
    WHERE status IN ('pending', 'awaiting_approval', 'info_requested', 'approved', 'released', 'acknowledged');

-- The decisions of officers. The maker stands beside each, so that the database itself can refuse maker = checker.
CREATE TABLE wire_approvals (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id      uuid NOT NULL,
    maker_id     uuid NOT NULL,
    officer_id   uuid NOT NULL REFERENCES users,
    decision     text NOT NULL CHECK (decision IN ('approve', 'reject')),
    senior       boolean NOT NULL,
    content_hash bytea NOT NULL,
    comment      text NOT NULL DEFAULT '' CHECK (length(comment) <= 1000),
    created_at   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT wire_approvals_four_eyes CHECK (officer_id <> maker_id),
    CONSTRAINT wire_approvals_one_each UNIQUE (wire_id, officer_id)
);
CREATE TRIGGER wire_approvals_append_only BEFORE UPDATE OR DELETE ON wire_approvals
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- What happened to a wire, in the order it happened.
CREATE TABLE wire_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wire_id  uuid NOT NULL REFERENCES wire_transfers,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    event    text NOT NULL,
    status   text NOT NULL,
    actor    text NOT NULL,
    actor_id uuid,
    data     jsonb NOT NULL DEFAULT '{}',
    -- Names a step of the process: a step that is run again adds no second line.
    step     text,
    UNIQUE (wire_id, step)
);
CREATE TRIGGER wire_events_append_only BEFORE UPDATE OR DELETE ON wire_events
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- As it stands now: 0036_02_guard.sql.
CREATE FUNCTION app.guard_wire() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed text;
BEGIN
    IF NEW.user_id <> OLD.user_id OR NEW.sender_account_id <> OLD.sender_account_id OR NEW.amount_minor <> OLD.amount_minor
        OR NEW.fee_minor <> OLD.fee_minor OR NEW.deducted_minor <> OLD.deducted_minor OR NEW.currency <> OLD.currency OR NEW.content_hash <> OLD.content_hash
        OR NEW.uetr <> OLD.uetr OR NEW.end_to_end_id <> OLD.end_to_end_id OR NEW.recipient_name <> OLD.recipient_name
        OR NEW.recipient_account_number <> OLD.recipient_account_number OR NEW.charges <> OLD.charges
        OR NEW.recipient_bank_swift IS DISTINCT FROM OLD.recipient_bank_swift
        OR NEW.recipient_routing_number IS DISTINCT FROM OLD.recipient_routing_number THEN
        RAISE EXCEPTION 'what wire % orders cannot be changed', OLD.id USING ERRCODE = 'AU110';
    END IF;
    IF NEW.status <> OLD.status THEN
        SELECT m.mover INTO allowed FROM wire_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a wire does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU111';
        END IF;
        IF session_user = 'aurum_api' AND allowed <> 'person' OR session_user = 'aurum_worker' AND allowed <> 'process' THEN
            RAISE EXCEPTION 'the move from % to % is made by a %', OLD.status, NEW.status, allowed USING ERRCODE = 'AU112';
        END IF;
        IF NEW.status = 'approved' AND (
            (SELECT count(*) FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'approve'
                AND a.content_hash = NEW.content_hash AND a.officer_id <> NEW.user_id) < NEW.approvals_required
            OR NEW.senior_required AND NOT EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id
                AND a.decision = 'approve' AND a.senior AND a.content_hash = NEW.content_hash)
            OR EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.id AND a.decision = 'reject')
            OR NEW.compliance_status IN ('pending', 'hit', 'blocked')) THEN
            RAISE EXCEPTION 'wire % is not approved by enough officers', NEW.id USING ERRCODE = 'AU113';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER wire_transfers_guard BEFORE UPDATE ON wire_transfers
    FOR EACH ROW EXECUTE FUNCTION app.guard_wire();
CREATE TRIGGER wire_transfers_no_delete BEFORE DELETE ON wire_transfers
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Status and money of a wire agree whenever a transaction commits, whoever wrote it: an open wire has its hold, a wire
-- that ended without payment has given it back, a completed one has turned it into its entry.
-- As it stands now: 0019_03_guard.sql.
CREATE FUNCTION app.wire_and_hold_agree() RETURNS trigger
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
        ELSE 'open' END;
    IF hold.status IS DISTINCT FROM expected OR hold.account_id <> wire.sender_account_id
        OR hold.amount_minor <> wire.amount_minor + wire.fee_minor
        OR (expected = 'captured') <> (wire.transaction_id IS NOT NULL) THEN
        RAISE EXCEPTION 'wire % is % and its hold is %', wire.id, wire.status, coalesce(hold.status, 'missing')
            USING ERRCODE = 'AU121';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wire_transfers_hold_agrees AFTER INSERT OR UPDATE ON wire_transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.wire_and_hold_agree();
CREATE CONSTRAINT TRIGGER holds_wire_agrees AFTER INSERT OR UPDATE ON holds
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.owner_kind = 'wire') EXECUTE FUNCTION app.wire_and_hold_agree();

-- Sanctions list entries, and what screening found in a wire.
CREATE TABLE sanctions_entries (
    id       text PRIMARY KEY,
    list     text NOT NULL,
    version  text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('person', 'entity', 'vessel', 'bank')),
    name     text NOT NULL,
    aliases  text[] NOT NULL DEFAULT '{}',
    country  text,
    bic      text,
    program  text NOT NULL DEFAULT ''
);
CREATE TABLE wire_hits (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wire_id      uuid NOT NULL REFERENCES wire_transfers,
    entry_id     text NOT NULL REFERENCES sanctions_entries,
    list_version text NOT NULL,
    field        text NOT NULL,
    matched      text NOT NULL,
    score        numeric NOT NULL CHECK (score BETWEEN 0 AND 1),
    verdict      text NOT NULL CHECK (verdict IN ('exact', 'fuzzy')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (wire_id, entry_id, field)
);

GRANT SELECT ON wire_moves, wire_transfers, wire_approvals, wire_events, sanctions_entries, wire_hits TO aurum_api, aurum_worker;
GRANT INSERT ON wire_transfers, wire_approvals, wire_events TO aurum_api;
GRANT UPDATE (status, approved_by, approved_at, sla_stage, reason_code, reason_text, updated_at) ON wire_transfers TO aurum_api;
GRANT INSERT ON wire_events, wire_hits TO aurum_worker;
GRANT UPDATE (status, compliance_status, transaction_id, value_date, approvals_required, senior_required, sla_started_at,
              sla_remind_at, sla_escalate_at, sla_deadline, sla_hard_stop, sla_stage, list_version, reason_code, reason_text, updated_at) ON wire_transfers TO aurum_worker;

ALTER TABLE wire_transfers ENABLE ROW LEVEL SECURITY;
ALTER TABLE wire_approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE wire_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE wire_hits ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_transfers TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON wire_approvals TO aurum_worker USING (true);
CREATE POLICY worker ON wire_events TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON wire_hits TO aurum_worker USING (true) WITH CHECK (true);

CREATE POLICY own ON wire_transfers FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY own_order ON wire_transfers FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND status = 'pending' AND compliance_status = 'pending'
                AND transaction_id IS NULL AND approved_by IS NULL);
CREATE POLICY own_change ON wire_transfers FOR UPDATE TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id() AND status = 'cancelled');
CREATE POLICY staff ON wire_transfers FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY decision ON wire_transfers FOR UPDATE TO aurum_api
    USING (app.may('wires:approve') AND user_id <> app.user_id())
    WITH CHECK (app.may('wires:approve') AND user_id <> app.user_id());
CREATE POLICY seen ON wire_approvals FOR SELECT TO aurum_api
    USING (maker_id = app.user_id() OR app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY decision ON wire_approvals FOR INSERT TO aurum_api
    WITH CHECK (officer_id = app.user_id() AND app.may('wires:approve') AND (NOT senior OR app.may('wires:high_value')));
CREATE POLICY seen ON wire_events FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id));
CREATE POLICY told ON wire_events FOR INSERT TO aurum_api
    WITH CHECK (actor_id = app.user_id() AND EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id));
-- A customer is not told what screening found (tipping off).
CREATE POLICY staff ON wire_hits FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
