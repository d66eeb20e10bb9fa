-- A bank that asked for money back asks where its answer is (pacs.028).
CREATE TABLE bank_cancellation_inquiries (
    message_id      uuid NOT NULL REFERENCES bank_messages,
    position        integer NOT NULL CHECK (position >= 0),
    cancellation_id uuid NOT NULL REFERENCES bank_cancellations,
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (message_id, position)
);
CREATE INDEX bank_cancellation_inquiries_case ON bank_cancellation_inquiries (cancellation_id);
CREATE TRIGGER bank_cancellation_inquiries_append_only BEFORE UPDATE OR DELETE ON bank_cancellation_inquiries
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON bank_cancellation_inquiries TO aurum_api, aurum_worker;
GRANT INSERT ON bank_cancellation_inquiries TO aurum_worker;
ALTER TABLE bank_cancellation_inquiries ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON bank_cancellation_inquiries TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON bank_cancellation_inquiries FOR SELECT TO aurum_api USING ((SELECT app.answers_banks()));
