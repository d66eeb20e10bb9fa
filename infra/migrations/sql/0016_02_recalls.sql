-- The recall of a wire that has left to the bank (models/wires/recalls.py).
CREATE TABLE wire_recall_moves (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);

CREATE TABLE wire_recalls (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id      uuid NOT NULL,
    -- Whose wire it is; requested_by may be an officer.
    user_id      uuid NOT NULL,
    requested_by uuid NOT NULL REFERENCES users,
    -- How we name the case to the bank; its answers repeat it.
    case_id      text NOT NULL UNIQUE CHECK (length(case_id) <= 16),
    status       text NOT NULL DEFAULT 'requested'
        CHECK (status IN ('requested', 'sent', 'accepted', 'refused', 'returned', 'stopped', 'failed')),
    reason       text NOT NULL CHECK (reason IN ('DUPL', 'TECH', 'FRAD', 'CUST', 'AC03', 'AM09')),
    comment      text NOT NULL DEFAULT '' CHECK (length(comment) <= 1000),
    sent_at      timestamptz,
    remind_at    timestamptz,
    due_at       timestamptz,
    -- How often operations were told that the answer is missing.
    reminders    integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    answer_code  text,
    answer_text  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    FOREIGN KEY (wire_id, user_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT wire_recalls_ended CHECK ((ended_at IS NOT NULL) = (status IN ('refused', 'returned', 'stopped', 'failed'))),
    CONSTRAINT wire_recalls_clock CHECK (status <> 'sent' OR num_nulls(sent_at, remind_at, due_at) = 0)
);
CREATE UNIQUE INDEX wire_recalls_one_open ON wire_recalls (wire_id) WHERE status IN ('requested', 'sent', 'accepted');
CREATE INDEX wire_recalls_wire ON wire_recalls (wire_id, created_at DESC);

-- A recall is made of a wire that is at the bank or was carried out by it, and moves by the table of its moves alone. What
-- it ends with agrees with its wire: money is `returned` or the payment `stopped` where the wire says so itself.
CREATE FUNCTION app.guard_recall() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    wire_status text;
BEGIN
    SELECT w.status INTO wire_status FROM wire_transfers w WHERE w.id = NEW.wire_id;
    -- After the row's rights were checked, so that a refusal tells nobody how somebody else's wire stands.
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'requested' OR wire_status NOT IN ('released', 'acknowledged', 'completed') THEN
            RAISE EXCEPTION 'a wire that is % is not recalled', wire_status USING ERRCODE = 'AU130';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.wire_id <> OLD.wire_id OR NEW.user_id <> OLD.user_id OR NEW.requested_by <> OLD.requested_by
        OR NEW.case_id <> OLD.case_id OR NEW.reason <> OLD.reason OR NEW.comment <> OLD.comment OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'what recall % asks for cannot be changed', OLD.id USING ERRCODE = 'AU131';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM wire_recall_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status) THEN
        RAISE EXCEPTION 'a recall does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU132';
    END IF;
    IF NEW.status = 'returned' AND wire_status <> 'returned' OR NEW.status = 'stopped' AND wire_status <> 'failed' THEN
        RAISE EXCEPTION 'the wire of recall % is %, it is not %', OLD.id, wire_status, NEW.status USING ERRCODE = 'AU133';
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER wire_recalls_made AFTER INSERT ON wire_recalls FOR EACH ROW EXECUTE FUNCTION app.guard_recall();
CREATE TRIGGER wire_recalls_guard BEFORE UPDATE ON wire_recalls FOR EACH ROW EXECUTE FUNCTION app.guard_recall();
CREATE TRIGGER wire_recalls_no_delete BEFORE DELETE ON wire_recalls
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- A message to the bank orders a wire, or recalls it: one of each, ever.
ALTER TABLE bank_messages ADD COLUMN recall_id uuid REFERENCES wire_recalls;
DROP INDEX bank_messages_one_order;
CREATE UNIQUE INDEX bank_messages_one_order ON bank_messages (wire_id) WHERE direction = 'outbound' AND recall_id IS NULL;
CREATE UNIQUE INDEX bank_messages_one_recall ON bank_messages (recall_id) WHERE direction = 'outbound';
-- What the bank says of a recall is not about the payment itself. Its own reference tells a second return from the same
-- return told again.
ALTER TABLE bank_answers ADD COLUMN recall_id uuid REFERENCES wire_recalls;
ALTER TABLE bank_answers ADD COLUMN bank_reference text;
ALTER TABLE bank_answers ADD COLUMN original_amount_minor bigint;

GRANT SELECT ON wire_recall_moves, wire_recalls TO aurum_api, aurum_worker;
GRANT INSERT ON wire_recalls TO aurum_api;
GRANT UPDATE (status, sent_at, remind_at, due_at, reminders, answer_code, answer_text, updated_at, ended_at)
    ON wire_recalls TO aurum_worker;
ALTER TABLE wire_recalls ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_recalls TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON wire_recalls FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY staff ON wire_recalls FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY asked ON wire_recalls FOR INSERT TO aurum_api
    WITH CHECK (requested_by = app.user_id() AND status = 'requested'
                AND (user_id = app.user_id() AND app.may('wires:create')
                     OR app.role() <> 'customer' AND app.may('wires:approve')));
