-- Pairs of a screened party and a listed entry that two people have found not to be the same. Such a pair does not hit
-- again while both records are what they were and the memory has not expired; that it was met is recorded with the hit.
CREATE TABLE sanctions_false_positives (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    subject_kind text NOT NULL CHECK (subject_kind IN ('customer', 'counterparty')),
    subject_key  text NOT NULL CHECK (length(subject_key) BETWEEN 1 AND 200),
    list         text NOT NULL,
    entry_id     text NOT NULL,
    entry_hash   bytea NOT NULL,
    subject_hash bytea NOT NULL CHECK (length(subject_hash) = 32),
    list_version text NOT NULL,
    reason       text NOT NULL CHECK (length(btrim(reason)) BETWEEN 3 AND 2000),
    proposed_by  uuid NOT NULL REFERENCES users,
    proposed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_by  uuid REFERENCES users,
    approved_at  timestamptz,
    expires_at   timestamptz NOT NULL,
    voided_at    timestamptz,
    -- Null where a change of the list did it.
    voided_by    uuid REFERENCES users,
    void_reason  text,
    CONSTRAINT sanctions_false_positives_four_eyes CHECK (approved_by <> proposed_by),
    CONSTRAINT sanctions_false_positives_approved_whole CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CONSTRAINT sanctions_false_positives_voided_whole CHECK ((voided_at IS NULL) = (void_reason IS NULL)),
    -- Nothing is remembered for ever: at most two years.
    CONSTRAINT sanctions_false_positives_expires
        CHECK (expires_at > proposed_at AND expires_at <= proposed_at + interval '731 days')
);
CREATE UNIQUE INDEX sanctions_false_positives_live
    ON sanctions_false_positives (subject_kind, subject_key, list, entry_id, subject_hash, entry_hash)
    WHERE voided_at IS NULL;
CREATE INDEX sanctions_false_positives_entry ON sanctions_false_positives (list, entry_id) WHERE voided_at IS NULL;
ALTER TABLE wire_hits ADD CONSTRAINT wire_hits_known FOREIGN KEY (known) REFERENCES sanctions_false_positives;

-- What was found stays as it was found: it is approved once, and voided once.
CREATE FUNCTION app.guard_false_positive() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_at IS NOT NULL
        OR OLD.approved_at IS NOT NULL AND ROW(NEW.approved_by, NEW.approved_at)
            IS DISTINCT FROM ROW(OLD.approved_by, OLD.approved_at)
        OR to_jsonb(NEW) - '{approved_by,approved_at,voided_at,voided_by,void_reason}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{approved_by,approved_at,voided_at,voided_by,void_reason}'::text[] THEN
        RAISE EXCEPTION 'a remembered false positive is approved or voided, and not rewritten' USING ERRCODE = 'AU131';
    END IF;
    -- Through the API everybody acts in their own name.
    IF session_user = 'aurum_api' AND (
        NEW.approved_by IS DISTINCT FROM OLD.approved_by AND NEW.approved_by IS DISTINCT FROM app.user_id()
        OR NEW.voided_by IS DISTINCT FROM OLD.voided_by AND NEW.voided_by IS DISTINCT FROM app.user_id()) THEN
        RAISE EXCEPTION 'a false positive is approved or voided in one''s own name' USING ERRCODE = 'AU132';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sanctions_false_positives_guard BEFORE UPDATE ON sanctions_false_positives
    FOR EACH ROW EXECUTE FUNCTION app.guard_false_positive();
CREATE TRIGGER sanctions_false_positives_no_delete BEFORE DELETE ON sanctions_false_positives
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

ALTER TABLE sanctions_false_positives ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON sanctions_false_positives TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON sanctions_false_positives FOR SELECT TO aurum_api
    USING (app.role() <> 'customer' AND (app.may('admin:compliance') OR app.may('admin:reports')));
CREATE POLICY proposed ON sanctions_false_positives FOR INSERT TO aurum_api
    WITH CHECK (app.may('admin:compliance') AND app.role() <> 'customer' AND proposed_by = app.user_id()
                AND approved_by IS NULL AND voided_at IS NULL);
CREATE POLICY decided ON sanctions_false_positives FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.role() <> 'customer')
    WITH CHECK (app.may('admin:compliance') AND app.role() <> 'customer'
                AND (approved_by IS NULL OR approved_by <> proposed_by));
GRANT SELECT, INSERT, UPDATE (approved_by, approved_at, voided_at, voided_by, void_reason)
    ON sanctions_false_positives TO aurum_api;
GRANT SELECT, UPDATE (voided_at, voided_by, void_reason) ON sanctions_false_positives TO aurum_worker;
