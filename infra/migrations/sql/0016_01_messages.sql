-- What people read of the messages to and from the bank.

-- How many payments an inbound file speaks of, ours or not. NULL: nobody could tell.
ALTER TABLE bank_messages ADD COLUMN payments_named integer CHECK (payments_named >= 0);
CREATE INDEX bank_messages_wire ON bank_messages (wire_id) WHERE wire_id IS NOT NULL;

-- A customer reads a file of the bank only where every payment in it is theirs: banks put those of several customers into
-- one notification. SECURITY DEFINER, since the customer sees no answer about others and could not count them.
CREATE FUNCTION app.speaks_of_caller_alone(message bank_messages) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT message.payments_named > 0 AND message.payments_named = (
        SELECT count(*) FROM bank_answers a JOIN wire_transfers w ON w.id = a.wire_id
        WHERE a.message_id = message.id AND w.user_id = app.user_id())
$$;
CREATE POLICY own ON bank_messages FOR SELECT TO aurum_api
    USING (direction = 'outbound' AND EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id AND w.user_id = app.user_id())
           OR direction = 'inbound' AND status = 'read' AND app.speaks_of_caller_alone(bank_messages));
CREATE POLICY own ON bank_answers FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id AND w.user_id = app.user_id()));
