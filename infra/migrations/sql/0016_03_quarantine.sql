-- The way out of quarantine: an operator has a file read again, once the reader or what it is about is right, or dismisses
-- it with a reason. Nothing is ever deleted.
ALTER TABLE bank_messages DROP CONSTRAINT bank_messages_status;
ALTER TABLE bank_messages ADD CONSTRAINT bank_messages_status CHECK (
    direction = 'outbound' AND status IN ('prepared', 'staged', 'sent')
    OR direction = 'inbound' AND status IN ('read', 'quarantined', 'to_read_again', 'dismissed'));
CREATE INDEX bank_messages_set_aside ON bank_messages (id DESC) WHERE status IN ('quarantined', 'to_read_again', 'dismissed');

CREATE FUNCTION app.guard_quarantine() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF session_user = 'aurum_api' AND NOT (OLD.status = 'quarantined' AND NEW.status IN ('to_read_again', 'dismissed')) THEN
        RAISE EXCEPTION 'a person does not move a message from % to %', OLD.status, NEW.status USING ERRCODE = 'AU134';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_messages_guard BEFORE UPDATE ON bank_messages FOR EACH ROW EXECUTE FUNCTION app.guard_quarantine();

GRANT UPDATE (status, reason, updated_at) ON bank_messages TO aurum_api;
GRANT UPDATE (message_type, message_id, payments_named) ON bank_messages TO aurum_worker;
CREATE POLICY operations ON bank_messages FOR SELECT TO aurum_api
    USING (direction = 'inbound' AND app.role() <> 'customer' AND app.may('admin:system'));
CREATE POLICY way_out ON bank_messages FOR UPDATE TO aurum_api
    USING (direction = 'inbound' AND status = 'quarantined' AND app.role() <> 'customer' AND app.may('admin:system'))
    WITH CHECK (direction = 'inbound' AND app.role() <> 'customer' AND app.may('admin:system'));
