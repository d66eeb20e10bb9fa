-- Every message to and from the bank, as it was written. An outbound one is prepared (stored), staged (durable beside
-- the channel's folder) and sent (renamed into it); inbound files are unique by content.
CREATE TABLE bank_messages (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id      uuid REFERENCES wire_transfers,
    direction    text NOT NULL CHECK (direction IN ('outbound', 'inbound')),
    message_type text NOT NULL,
    message_id   text NOT NULL DEFAULT '',
    file_name    text NOT NULL,
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    content      bytea NOT NULL,
    status       text NOT NULL,
    reason       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bank_messages_status CHECK (
        direction = 'outbound' AND status IN ('prepared', 'staged', 'sent')
        OR direction = 'inbound' AND status IN ('read', 'quarantined')),
    CONSTRAINT bank_messages_outbound_has_wire CHECK (direction = 'inbound' OR wire_id IS NOT NULL)
);
-- One order to the bank for each wire, ever; one reading of each file, ever.
CREATE UNIQUE INDEX bank_messages_one_order ON bank_messages (wire_id) WHERE direction = 'outbound';
CREATE UNIQUE INDEX bank_messages_outbound_id ON bank_messages (message_id) WHERE direction = 'outbound';
CREATE UNIQUE INDEX bank_messages_one_reading ON bank_messages (sha256) WHERE direction = 'inbound';

-- What an inbound message says of one wire. The wire's process applies it, once, and notes when.
CREATE TABLE bank_answers (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL REFERENCES bank_messages,
    position     integer NOT NULL,
    wire_id      uuid NOT NULL REFERENCES wire_transfers,
    kind         text NOT NULL,
    reason_code  text,
    reason_text  text,
    amount_minor bigint,
    currency     text,
    booked_on    date,
    received_at  timestamptz NOT NULL DEFAULT now(),
    applied_at   timestamptz,
    UNIQUE (message_id, position)
);
CREATE INDEX bank_answers_wire ON bank_answers (wire_id);

CREATE TABLE calendar_days (
    calendar text NOT NULL,
    day      date NOT NULL,
    name     text NOT NULL,
    PRIMARY KEY (calendar, day)
);

GRANT SELECT ON bank_messages, bank_answers, calendar_days TO aurum_api, aurum_worker;
GRANT INSERT ON bank_messages, bank_answers TO aurum_worker;
GRANT UPDATE (status, reason, updated_at) ON bank_messages TO aurum_worker;
GRANT UPDATE (applied_at) ON bank_answers TO aurum_worker;
ALTER TABLE bank_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_answers ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON bank_messages TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON bank_answers TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON bank_messages FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY staff ON bank_answers FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
