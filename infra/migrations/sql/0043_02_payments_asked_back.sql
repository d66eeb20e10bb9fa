-- What another bank asks back can be a payment that we sent by the local rail.
ALTER TABLE bank_cancellations ADD COLUMN payment_id uuid REFERENCES payments;
CREATE INDEX bank_cancellations_payment ON bank_cancellations (payment_id) WHERE payment_id IS NOT NULL;

-- People propose and decide, each in their own name and never about an order of their own; the process sends.
CREATE OR REPLACE FUNCTION app.guard_cancellation_answer() RETURNS trigger
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
    IF EXISTS (SELECT FROM wire_transfers w WHERE w.id = about.wire_id AND w.user_id IN (NEW.proposed_by, NEW.decided_by))
        OR EXISTS (SELECT FROM payments p WHERE p.id = about.payment_id AND p.user_id IN (NEW.proposed_by, NEW.decided_by)) THEN
        RAISE EXCEPTION 'nobody answers about an order of their own' USING ERRCODE = 'AU283';
    END IF;
    RETURN NEW;
END $$;
