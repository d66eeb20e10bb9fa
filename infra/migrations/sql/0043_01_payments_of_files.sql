-- An answer in quarantine can be about a payment as well as about a wire.
ALTER TABLE quarantine_rulings ADD COLUMN payment_id uuid REFERENCES payments;
ALTER TABLE quarantine_rulings DROP CONSTRAINT quarantine_rulings_about;
ALTER TABLE quarantine_rulings ADD CONSTRAINT quarantine_rulings_about CHECK (
    (position IS NOT NULL) = (ruling = 'assign')
    AND num_nonnulls(wire_id, payment_id) = CASE ruling WHEN 'assign' THEN 1 ELSE 0 END);

-- People propose and decide, each in their own name and never about an order of their own; the reader ends what was decided.
CREATE OR REPLACE FUNCTION app.guard_quarantine_ruling() RETURNS trigger
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
    IF EXISTS (SELECT FROM wire_transfers w WHERE w.id = NEW.wire_id AND w.user_id IN (NEW.proposed_by, NEW.decided_by))
        OR EXISTS (SELECT FROM payments p WHERE p.id = NEW.payment_id AND p.user_id IN (NEW.proposed_by, NEW.decided_by)) THEN
        RAISE EXCEPTION 'nobody rules about an order of their own' USING ERRCODE = 'AU273';
    END IF;
    RETURN NEW;
END $$;
