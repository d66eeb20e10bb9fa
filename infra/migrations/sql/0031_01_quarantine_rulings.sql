-- The rest of the way out of quarantine: two people say which order a file is about, or that one that breaks its schema is
-- read as it is. The reader then reads it again, by the rules of a new file.

-- Whether a file that breaks the schema of its message could be read all the same.
ALTER TABLE bank_messages ADD COLUMN readable_as_is boolean NOT NULL DEFAULT false;
GRANT UPDATE (readable_as_is) ON bank_messages TO aurum_worker;

-- What a file in quarantine says of orders, answer by answer, as it was read last; people have to see it to rule about it.
CREATE TABLE quarantined_answers (
    message_id         uuid NOT NULL REFERENCES bank_messages,
    position           integer NOT NULL CHECK (position >= 0),
    kind               text NOT NULL,
    -- Whether it has found its order, by itself or because people named it.
    matched            boolean NOT NULL,
    end_to_end_id      text,
    uetr               uuid,
    original_message_id text,
    amount_minor       bigint,
    currency           text,
    booked_on          date,
    reason_code        text,
    reason_text        text,
    bank_reference     text,
    PRIMARY KEY (message_id, position)
);

CREATE TABLE quarantine_rulings (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    message_id      uuid NOT NULL REFERENCES bank_messages,
    ruling          text NOT NULL CHECK (ruling IN ('assign', 'read_as_is')),
    position        integer,
    wire_id         uuid REFERENCES wire_transfers,
    reason          text NOT NULL CHECK (length(reason) BETWEEN 3 AND 500),
    status          text NOT NULL DEFAULT 'proposed' CHECK (status IN ('proposed', 'confirmed', 'refused', 'applied', 'void')),
    proposed_by     uuid NOT NULL REFERENCES users,
    proposed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by      uuid REFERENCES users,
    decided_at      timestamptz,
    decision_reason text CHECK (length(decision_reason) BETWEEN 3 AND 500),
    -- When the reader did what was confirmed, or found that there was nothing left to do.
    ended_at        timestamptz,
    FOREIGN KEY (message_id, position) REFERENCES quarantined_answers,
    CONSTRAINT quarantine_rulings_about CHECK (
        num_nonnulls(position, wire_id) = CASE ruling WHEN 'assign' THEN 2 ELSE 0 END),
    -- Whoever proposed something may take it back, and never confirm it.
    CONSTRAINT quarantine_rulings_four_eyes CHECK (decided_by <> proposed_by OR status = 'refused'),
    CONSTRAINT quarantine_rulings_decided CHECK (num_nulls(decided_by, decided_at) IN (0, 2)
        AND (decided_by IS NOT NULL OR status IN ('proposed', 'void')) AND (decided_by IS NULL OR status <> 'proposed')),
    CONSTRAINT quarantine_rulings_ended CHECK ((ended_at IS NOT NULL) = (status IN ('applied', 'void')))
);
-- An answer is assigned once, and a file read as it is once.
CREATE UNIQUE INDEX quarantine_rulings_once ON quarantine_rulings (message_id, coalesce(position, -1))
    WHERE status IN ('proposed', 'confirmed', 'applied');
CREATE INDEX quarantine_rulings_message ON quarantine_rulings (message_id, id);

-- People propose and decide, each in their own name and never about a wire of their own; the reader ends what was decided.
-- As it stands now: 0043_01_payments_of_files.sql.
CREATE FUNCTION app.guard_quarantine_ruling() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    own_columns constant text[] := ARRAY['status', 'decided_by', 'decided_at', 'decision_reason', 'ended_at'];
    file bank_messages;
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Against a dismissal, or a reading, at the same moment.
        SELECT * INTO file FROM bank_messages m WHERE m.id = NEW.message_id FOR SHARE;
        IF NEW.status <> 'proposed' OR file.status <> 'quarantined'
            OR NEW.ruling = 'read_as_is' AND NOT file.readable_as_is
            OR NEW.ruling = 'assign' AND NOT EXISTS (SELECT FROM quarantined_answers a
                WHERE a.message_id = NEW.message_id AND a.position = NEW.position AND NOT a.matched) THEN
            RAISE EXCEPTION 'this is not proposed of file %', NEW.message_id USING ERRCODE = 'AU270';
        END IF;
    ELSE
        IF to_jsonb(NEW) - own_columns <> to_jsonb(OLD) - own_columns THEN
            RAISE EXCEPTION 'what ruling % is about is not changed', OLD.id USING ERRCODE = 'AU271';
        END IF;
        IF NOT (CASE session_user
            WHEN 'aurum_api' THEN OLD.status = 'proposed' AND NEW.status IN ('confirmed', 'refused')
                AND NEW.decided_by IS NOT DISTINCT FROM app.user_id()
            WHEN 'aurum_worker' THEN NEW.status = 'applied' AND OLD.status = 'confirmed'
                OR NEW.status = 'void' AND OLD.status IN ('proposed', 'confirmed')
            ELSE true END) THEN
            RAISE EXCEPTION 'ruling % does not move from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'AU272';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM wire_transfers w WHERE w.id = NEW.wire_id AND w.user_id IN (NEW.proposed_by, NEW.decided_by)) THEN
        RAISE EXCEPTION 'nobody rules about a wire of their own' USING ERRCODE = 'AU273';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER quarantine_rulings_guard BEFORE INSERT OR UPDATE ON quarantine_rulings
    FOR EACH ROW EXECUTE FUNCTION app.guard_quarantine_ruling();
CREATE TRIGGER quarantine_rulings_no_delete BEFORE DELETE ON quarantine_rulings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON quarantined_answers, quarantine_rulings TO aurum_api, aurum_worker;
GRANT INSERT, UPDATE ON quarantined_answers TO aurum_worker;
GRANT UPDATE (status, ended_at) ON quarantine_rulings TO aurum_worker;
GRANT INSERT ON quarantine_rulings TO aurum_api;
GRANT UPDATE (status, decided_by, decided_at, decision_reason) ON quarantine_rulings TO aurum_api;
ALTER TABLE quarantined_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantine_rulings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON quarantined_answers TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON quarantine_rulings TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY operations ON quarantined_answers FOR SELECT TO aurum_api
    USING (app.role() <> 'customer' AND app.may('admin:system'));
CREATE POLICY operations ON quarantine_rulings FOR SELECT TO aurum_api
    USING (app.role() <> 'customer' AND app.may('admin:system'));
CREATE POLICY proposed ON quarantine_rulings FOR INSERT TO aurum_api
    WITH CHECK (app.role() <> 'customer' AND app.may('admin:system') AND proposed_by = app.user_id());
CREATE POLICY decided ON quarantine_rulings FOR UPDATE TO aurum_api
    USING (app.role() <> 'customer' AND app.may('admin:system') AND status = 'proposed')
    WITH CHECK (app.role() <> 'customer' AND app.may('admin:system'));
