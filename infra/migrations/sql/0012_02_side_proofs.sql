-- What is proven beside the books, and freezes nothing when it does not hold: that processes and rows name each other
-- (`processes`), that roll-ups are what the postings say (`flows`). `run` names the step of the process that made it.
-- Not proven: something that it needs did not answer, and `note` says what.
CREATE TABLE side_proofs (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    kind          text NOT NULL CHECK (kind IN ('processes', 'flows')),
    run           text NOT NULL UNIQUE,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    took_ms       integer NOT NULL CHECK (took_ms >= 0),
    proven        boolean NOT NULL,
    note          text NOT NULL DEFAULT '',
    checked       bigint NOT NULL CHECK (checked >= 0),
    finding_count integer NOT NULL CHECK (finding_count >= 0),
    -- The first of them: {rule, subject, expected, found}.
    findings      jsonb NOT NULL,
    CONSTRAINT side_proofs_say_why CHECK (proven = (note = '')),
    CONSTRAINT side_proofs_counted CHECK (
        jsonb_array_length(findings) <= finding_count AND (finding_count = 0) = (findings = '[]'))
);
CREATE INDEX side_proofs_latest ON side_proofs (kind, id DESC);
CREATE TRIGGER side_proofs_append_only BEFORE UPDATE ON side_proofs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON side_proofs TO aurum_api, aurum_worker;
GRANT INSERT, DELETE ON side_proofs TO aurum_worker;
ALTER TABLE side_proofs ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON side_proofs TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON side_proofs FOR SELECT TO aurum_api
    USING ((app.may('admin:system') OR app.may('admin:reports')) AND app.role() <> 'customer');
