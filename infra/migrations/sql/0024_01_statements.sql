-- Monthly statements (contract §8, FINRA 2231): what was said about an account and a month stays as it was said. A
-- correction is another version, with a reason.
CREATE TABLE statements (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id       uuid NOT NULL REFERENCES users,
    account_id    uuid NOT NULL REFERENCES accounts,
    period        text NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    version       integer NOT NULL CHECK (version > 0),
    -- Why there is another version; the first needs none.
    reason        text NOT NULL DEFAULT '' CHECK (length(reason) <= 300),
    currency      text NOT NULL,
    exponent      smallint NOT NULL,
    begins_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    -- The postings on it are those with the account's versions above `after_version` up to `last_version`.
    after_version bigint NOT NULL,
    last_version  bigint NOT NULL,
    opening_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    credit_count  bigint NOT NULL,
    credit_minor  bigint NOT NULL,
    debit_count   bigint NOT NULL,
    debit_minor   bigint NOT NULL,
    fee_minor     bigint NOT NULL,
    interest_minor bigint NOT NULL,
    held_minor    bigint NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT statements_once UNIQUE (account_id, period, version),
    CONSTRAINT statements_reasoned CHECK ((version = 1) = (reason = '')),
    -- Versions of an account have no gap, so their difference is the number of postings.
    CONSTRAINT statements_tie CHECK (opening_minor + credit_minor + debit_minor = closing_minor
        AND credit_minor >= 0 AND debit_minor <= 0 AND credit_count + debit_count = last_version - after_version
        AND after_version <= last_version AND begins_at < ends_at AND fee_minor >= 0 AND held_minor >= 0)
);
CREATE INDEX statements_customer ON statements (user_id, id);

CREATE TABLE statement_files (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    statement_id uuid NOT NULL REFERENCES statements,
    form         text NOT NULL CHECK (form IN ('pdf', 'json', 'csv', 'camt053')),
    -- SHA-256 in hexadecimal of the file as it is handed out.
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    size_bytes   integer NOT NULL CHECK (size_bytes > 0),
    -- The object's name in the store; ordered as stores list them. Its content is sealed with a key of its own, which
    -- stands here sealed with a field key.
    file_path    text COLLATE "C" NOT NULL UNIQUE CHECK (length(file_path) BETWEEN 16 AND 200),
    key_sealed   bytea NOT NULL,
    CONSTRAINT statement_files_once UNIQUE (statement_id, form)
);

-- A statement that the books do not bear out is refused, whoever makes it: its balances are those after its last
-- postings, its sums those of its postings, and it begins where the one of the month before ended.
CREATE FUNCTION app.guard_statement() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
DECLARE
    booked    record;
    month     constant date := to_date(NEW.period, 'YYYY-MM');
    neighbour record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('statement/' || NEW.account_id, 0));
    IF NOT EXISTS (SELECT FROM accounts a WHERE a.id = NEW.account_id AND a.user_id = NEW.user_id
                   AND a.currency = NEW.currency AND a.exponent = NEW.exponent) THEN
        RAISE EXCEPTION 'statement of an account that is not theirs' USING ERRCODE = 'AU240';
    END IF;
    IF NEW.ends_at > clock_timestamp() THEN
        RAISE EXCEPTION 'the month of this statement is not over' USING ERRCODE = 'AU241';
    END IF;
    SELECT count(*) FILTER (WHERE p.amount_minor > 0) AS credits, count(*) FILTER (WHERE p.amount_minor < 0) AS debits,
           coalesce(sum(p.amount_minor) FILTER (WHERE p.amount_minor > 0), 0) AS credited,
           coalesce(sum(p.amount_minor) FILTER (WHERE p.amount_minor < 0), 0) AS debited INTO booked
        FROM postings p WHERE p.account_id = NEW.account_id AND p.account_version > NEW.after_version
            AND p.account_version <= NEW.last_version;
    IF (booked.credits, booked.debits, booked.credited, booked.debited)
            IS DISTINCT FROM (NEW.credit_count, NEW.debit_count, NEW.credit_minor, NEW.debit_minor)
        OR NEW.opening_minor <> coalesce((SELECT p.balance_after_minor FROM postings p WHERE p.account_id = NEW.account_id
                                          AND p.account_version = NEW.after_version), 0)
        OR NEW.closing_minor <> coalesce((SELECT p.balance_after_minor FROM postings p WHERE p.account_id = NEW.account_id
                                          AND p.account_version = NEW.last_version), 0) THEN
        RAISE EXCEPTION 'the statement of % for account % does not tie to the ledger', NEW.period, NEW.account_id
            USING ERRCODE = 'AU242';
    END IF;
    FOR neighbour IN SELECT s.period, s.version, s.after_version, s.last_version FROM statements s
        WHERE s.account_id = NEW.account_id
            AND s.period IN (NEW.period, to_char(month - 1, 'YYYY-MM'), to_char(month + interval '1 month', 'YYYY-MM'))
    LOOP
        IF neighbour.period = NEW.period
                AND (neighbour.after_version, neighbour.last_version) <> (NEW.after_version, NEW.last_version)
            OR neighbour.period < NEW.period AND neighbour.last_version <> NEW.after_version
            OR neighbour.period > NEW.period AND neighbour.after_version <> NEW.last_version THEN
            RAISE EXCEPTION 'the statement of % for account % leaves a gap to that of %', NEW.period, NEW.account_id,
                neighbour.period USING ERRCODE = 'AU243';
        END IF;
    END LOOP;
    IF NEW.version > 1 AND NOT EXISTS (SELECT FROM statements s WHERE s.account_id = NEW.account_id
                                       AND s.period = NEW.period AND s.version = NEW.version - 1) THEN
        RAISE EXCEPTION 'there is no version % to follow', NEW.version - 1 USING ERRCODE = 'AU244';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statements_tie_to_ledger BEFORE INSERT ON statements
    FOR EACH ROW EXECUTE FUNCTION app.guard_statement();
CREATE TRIGGER statements_append_only BEFORE UPDATE OR DELETE ON statements
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER statements_no_truncate BEFORE TRUNCATE ON statements EXECUTE FUNCTION app.refuse_change();

-- Sealed again with a newer field key by operators alone (infra/field_rotation.py).
CREATE FUNCTION app.guard_statement_file() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
BEGIN
    IF session_user IN ('aurum_api', 'aurum_worker') OR (NEW.id, NEW.statement_id, NEW.form, NEW.content_hash, NEW.size_bytes,
        NEW.file_path) IS DISTINCT FROM (OLD.id, OLD.statement_id, OLD.form, OLD.content_hash, OLD.size_bytes, OLD.file_path) THEN
        RAISE EXCEPTION 'what was handed out as statement % cannot be changed', OLD.statement_id USING ERRCODE = 'AU245';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statement_files_guard BEFORE UPDATE ON statement_files
    FOR EACH ROW EXECUTE FUNCTION app.guard_statement_file();
CREATE TRIGGER statement_files_no_delete BEFORE DELETE ON statement_files
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER statement_files_no_truncate BEFORE TRUNCATE ON statement_files EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON statements, statement_files TO aurum_api, aurum_worker;
GRANT INSERT ON statements, statement_files TO aurum_worker;

ALTER TABLE statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE statement_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON statements TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON statement_files TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON statements FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY staff ON statements FOR SELECT TO aurum_api USING (app.may('transactions:read') AND app.role() <> 'customer');
CREATE POLICY seen ON statement_files FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM statements s WHERE s.id = statement_files.statement_id));
