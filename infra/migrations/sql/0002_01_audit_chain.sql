-- The hash chain over the audit log (models/audit_chain.py has the formula): one seal for each row, in the order in
-- which the sealer saw them. It is written off the hot path, by the worker alone, and never changed.
CREATE TABLE audit_seals (
    chain_seq  bigint PRIMARY KEY CHECK (chain_seq > 0),
    audit_id   bigint NOT NULL UNIQUE REFERENCES audit_logs,
    row_hash   bytea NOT NULL CHECK (length(row_hash) = 32),
    chain_hash bytea NOT NULL CHECK (length(chain_hash) = 32),
    formula    smallint NOT NULL CHECK (formula BETWEEN 1 AND 255),
    sealed_at  timestamptz NOT NULL
);
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals EXECUTE FUNCTION app.refuse_change();

-- Where the sealer need not look again: every row up to settled_id is sealed, and none can appear there any more.
-- It saves time and proves nothing; a sweep over all ids comes daily, and whoever verifies ignores it.
CREATE TABLE audit_seal_progress (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    settled_id bigint NOT NULL,
    swept_at   timestamptz NOT NULL
);

GRANT SELECT ON audit_seals TO aurum_api, aurum_worker;
GRANT INSERT ON audit_seals TO aurum_worker;
GRANT SELECT, INSERT, UPDATE ON audit_seal_progress TO aurum_worker;
ALTER TABLE audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seal_progress ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON audit_seals TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON audit_seal_progress TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON audit_seals FOR SELECT TO aurum_api
    USING (app.may('admin:reports') OR app.may('admin:system') OR app.may('admin:compliance'));

-- An id of the log is taken before its transaction commits. With this bound on a transaction, an id that is older than
-- the bound and is not there will never be there; and a row that appears later than that was put there by a hand.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['aurum_api', 'aurum_worker'] LOOP
        BEGIN
            EXECUTE format('ALTER ROLE %I SET transaction_timeout = %L', wanted, '10min');
        EXCEPTION WHEN internal_error OR unique_violation THEN
            NULL; -- roles belong to the cluster: another database of it is being migrated and sets the same
        END;
    END LOOP;
END $$;
