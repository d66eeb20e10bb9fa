-- The moment at which a posting is written, and no longer that at which its transaction began: the account is locked by
-- then, so the postings of an account are in the order of their versions by time too. What an account held at a moment
-- is found by halving, without an index of its own.
ALTER TABLE postings ALTER created_at SET DEFAULT clock_timestamp();

-- The version that a checked account had at a moment; 0 before its first posting.
CREATE FUNCTION app.version_at(wanted_account uuid, moment timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    low    bigint := 0;
    high   bigint;
    middle bigint;
    found  timestamptz;
BEGIN
    SELECT max(p.account_version) INTO high FROM postings p WHERE p.account_id = wanted_account;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT p.created_at INTO found FROM postings p WHERE p.account_id = wanted_account AND p.account_version = middle;
        IF found <= moment THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;

-- The same people see the same rows as before. Their accounts are looked up once for a query and no longer once for a row.
DROP POLICY own ON transactions;
CREATE POLICY own ON transactions FOR SELECT TO aurum_api
    USING (from_account_id IN (SELECT a.id FROM accounts a WHERE a.user_id = app.user_id())
        OR to_account_id IN (SELECT a.id FROM accounts a WHERE a.user_id = app.user_id()));
DROP POLICY own ON postings;
CREATE POLICY own ON postings FOR SELECT TO aurum_api
    USING (account_id IN (SELECT a.id FROM accounts a WHERE a.user_id = app.user_id()));

-- Whether an entry was reversed since. Bulk postings cost it nothing.
CREATE INDEX transactions_reversals ON transactions (reversal_of) WHERE reversal_of IS NOT NULL;
