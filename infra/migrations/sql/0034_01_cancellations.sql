-- What other banks ask back from us (camt.056), and what two people answer them (camt.029).
CREATE TABLE bank_cancellations (
    id                  uuid PRIMARY KEY DEFAULT uuidv7(),
    message_id          uuid NOT NULL REFERENCES bank_messages,
    position            integer NOT NULL,
    -- As the bank names them; its answer repeats them.
    assignment_id       text NOT NULL,
    case_id             text,
    assigner            text,
    original_message_id text,
    original_message_type text,
    instruction_id      text,
    end_to_end_id       text,
    transaction_id      text,
    uetr                uuid,
    amount_minor        bigint,
    currency            text,
    settled_on          date,
    reason_code         text,
    reason_text         text,
    -- What it is about, as far as we know: a wire of ours, or a credit that lies in quarantine, booked for nobody.
    wire_id             uuid REFERENCES wire_transfers,
    credit_message_id   uuid REFERENCES bank_messages,
    status              text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered')),
    remind_at           timestamptz,
    due_at              timestamptz,
    -- How often operations were told that no answer was given.
    reminders           integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    received_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at            timestamptz,
    UNIQUE (message_id, position),
    CONSTRAINT bank_cancellations_ended CHECK ((ended_at IS NOT NULL) = (status = 'answered'))
);
CREATE INDEX bank_cancellations_newest ON bank_cancellations (id DESC) WHERE status = 'open';
CREATE INDEX bank_cancellations_wire ON bank_cancellations (wire_id) WHERE wire_id IS NOT NULL;

CREATE TABLE bank_cancellation_answers (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    cancellation_id uuid NOT NULL REFERENCES bank_cancellations,
    outcome         text NOT NULL CHECK (outcome IN ('CNCL', 'RJCR', 'PDCR')),
    reason_code     text CHECK (reason_code ~ '^[A-Z0-9]{4}$'),
    comment         text NOT NULL DEFAULT '' CHECK (length(comment) <= 210),
    -- Why, for us; the bank reads the code and the comment.
    reason          text NOT NULL CHECK (length(reason) BETWEEN 3 AND 500),
    status          text NOT NULL DEFAULT 'proposed' CHECK (status IN ('proposed', 'confirmed', 'refused', 'sent', 'unwritable')),
    proposed_by     uuid NOT NULL REFERENCES users,
    proposed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by      uuid REFERENCES users,
    decided_at      timestamptz,
    sent_at         timestamptz,
    CONSTRAINT bank_cancellation_answers_four_eyes CHECK (decided_by <> proposed_by OR status = 'refused'),
    CONSTRAINT bank_cancellation_answers_decided CHECK (num_nulls(decided_by, decided_at) IN (0, 2)
        AND (decided_by IS NULL) = (status = 'proposed')),
    CONSTRAINT bank_cancellation_answers_sent CHECK ((sent_at IS NOT NULL) = (status = 'sent'))
);
-- One answer at a time, and one of each kind, ever: a bank that heard no hears nothing else.
CREATE UNIQUE INDEX bank_cancellation_answers_one ON bank_cancellation_answers (cancellation_id)
    WHERE status IN ('proposed', 'confirmed');
CREATE UNIQUE INDEX bank_cancellation_answers_final ON bank_cancellation_answers (cancellation_id)
    WHERE outcome <> 'PDCR' AND status IN ('confirmed', 'sent');

CREATE FUNCTION app.guard_cancellation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    own_columns constant text[] := ARRAY['status', 'remind_at', 'due_at', 'reminders', 'ended_at'];
BEGIN
    IF to_jsonb(NEW) - own_columns <> to_jsonb(OLD) - own_columns OR OLD.status = 'answered' THEN
        RAISE EXCEPTION 'what case % is about is not changed', OLD.id USING ERRCODE = 'AU280';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_cancellations_guard BEFORE UPDATE ON bank_cancellations
    FOR EACH ROW EXECUTE FUNCTION app.guard_cancellation();
CREATE TRIGGER bank_cancellations_no_delete BEFORE DELETE ON bank_cancellations
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- People propose and decide, each in their own name and never about a wire of their own; the process sends.
-- As it stands now: 0043_02_payments_asked_back.sql.
CREATE FUNCTION app.guard_cancellation_answer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    own_columns constant text[] := ARRAY['status', 'decided_by', 'decided_at', 'sent_at'];
    about bank_cancellations;
BEGIN
    SELECT * INTO about FROM bank_cancellations c WHERE c.id = NEW.cancellation_id FOR SHARE;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'proposed' OR about.status <> 'open' THEN
            RAISE EXCEPTION 'case % is %', about.id, about.status USING ERRCODE = 'AU281';
        END IF;
    ELSIF to_jsonb(NEW) - own_columns <> to_jsonb(OLD) - own_columns OR NOT (CASE session_user
        WHEN 'aurum_api' THEN OLD.status = 'proposed' AND NEW.status IN ('confirmed', 'refused')
            AND NEW.decided_by IS NOT DISTINCT FROM app.user_id()
        WHEN 'aurum_worker' THEN OLD.status = 'confirmed' AND NEW.status IN ('sent', 'unwritable')
        ELSE true END) THEN
        RAISE EXCEPTION 'answer % does not move from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'AU282';
    END IF;
    IF EXISTS (SELECT FROM wire_transfers w WHERE w.id = about.wire_id AND w.user_id IN (NEW.proposed_by, NEW.decided_by)) THEN
        RAISE EXCEPTION 'nobody answers about a wire of their own' USING ERRCODE = 'AU283';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_cancellation_answers_guard BEFORE INSERT OR UPDATE ON bank_cancellation_answers
    FOR EACH ROW EXECUTE FUNCTION app.guard_cancellation_answer();
CREATE TRIGGER bank_cancellation_answers_no_delete BEFORE DELETE ON bank_cancellation_answers
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- A message to the bank orders a wire or a payment, or answers what the bank has asked.
ALTER TABLE bank_messages ADD COLUMN cancellation_answer_id uuid REFERENCES bank_cancellation_answers;
ALTER TABLE bank_messages DROP CONSTRAINT bank_messages_has_its_order;
ALTER TABLE bank_messages ADD CONSTRAINT bank_messages_has_its_order CHECK (
    num_nonnulls(wire_id, payment_id, cancellation_answer_id) <= 1
    AND (direction = 'inbound' OR num_nonnulls(wire_id, payment_id, cancellation_answer_id) = 1));
CREATE UNIQUE INDEX bank_messages_one_cancellation_answer ON bank_messages (cancellation_answer_id);

GRANT SELECT ON bank_cancellations, bank_cancellation_answers TO aurum_api, aurum_worker;
GRANT INSERT ON bank_cancellations TO aurum_worker;
GRANT UPDATE (status, remind_at, due_at, reminders, ended_at) ON bank_cancellations TO aurum_worker;
GRANT UPDATE (status, sent_at) ON bank_cancellation_answers TO aurum_worker;
GRANT INSERT ON bank_cancellation_answers TO aurum_api;
GRANT UPDATE (status, decided_by, decided_at) ON bank_cancellation_answers TO aurum_api;
ALTER TABLE bank_cancellations ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_cancellation_answers ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON bank_cancellations TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON bank_cancellation_answers TO aurum_worker USING (true) WITH CHECK (true);
CREATE FUNCTION app.answers_banks() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT app.role() NOT IN ('', 'customer', 'authenticator') AND (app.may('admin:system') OR app.may('wires:approve'))
$$;
CREATE POLICY staff ON bank_cancellations FOR SELECT TO aurum_api USING (app.answers_banks());
CREATE POLICY staff ON bank_cancellation_answers FOR SELECT TO aurum_api USING (app.answers_banks());
CREATE POLICY proposed ON bank_cancellation_answers FOR INSERT TO aurum_api
    WITH CHECK (app.answers_banks() AND proposed_by = app.user_id());
CREATE POLICY decided ON bank_cancellation_answers FOR UPDATE TO aurum_api
    USING (app.answers_banks() AND status = 'proposed') WITH CHECK (app.answers_banks());
