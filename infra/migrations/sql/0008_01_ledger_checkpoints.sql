-- Balances of the bank's own unchecked accounts, whose rows no entry touches: a checkpoint, and what was booked since.
--
-- What was booked since is a queue: each statement that inserts postings adds a line for each such account, and the
-- roll-up moves lines into the checkpoint in one transaction. Both are plain rows, so a reader's snapshot sees a line or
-- the checkpoint that has it, never both and never none, whatever commits in which order; and a dump has them as they
-- were. Horizons over transaction ids would have to be right about order, and begin anew in a restored cluster
-- (decision 0009).
CREATE TABLE ledger_checkpoints (
    account_id   uuid PRIMARY KEY REFERENCES accounts,
    posted_minor bigint NOT NULL,
    -- How many postings it has, and when the last of them were added.
    postings     bigint NOT NULL CHECK (postings > 0),
    rolled_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE ledger_unrolled (
    account_id   uuid NOT NULL,
    posted_minor bigint NOT NULL,
    postings     bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX ledger_unrolled_account ON ledger_unrolled (account_id);

LOCK TABLE postings IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO ledger_checkpoints (account_id, posted_minor, postings)
    SELECT p.account_id, sum(p.amount_minor), count(*) FROM postings p WHERE p.account_version IS NULL GROUP BY p.account_id;

-- Runs for every statement that inserts postings, whoever it is: checks what they have to be, and queues those of
-- unchecked accounts.
CREATE OR REPLACE FUNCTION app.legs_sum_to_zero() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT p.transaction_id, p.currency, sum(p.amount_minor) AS total INTO broken
        FROM inserted p GROUP BY p.transaction_id, p.currency HAVING sum(p.amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'legs of transaction % sum to % %, not to zero', broken.transaction_id, broken.total, broken.currency
            USING ERRCODE = 'AU101';
    END IF;
    SELECT p.transaction_id INTO broken FROM inserted p
        WHERE NOT EXISTS (SELECT FROM transactions t WHERE t.id = p.transaction_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is not in the journal', broken.transaction_id USING ERRCODE = 'AU103';
    END IF;
    INSERT INTO ledger_unrolled (account_id, posted_minor, postings)
        SELECT p.account_id, sum(p.amount_minor), count(*) FROM inserted p WHERE p.account_version IS NULL
        GROUP BY p.account_id;
    RETURN NULL;
END $$;

-- Moves at most `batch` lines into the checkpoints, and says how many. One roll-up works at a time; a second one leaves
-- the lines to it and says none.
CREATE FUNCTION ledger_roll_up(batch integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    taken integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7203021) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM ledger_unrolled u WHERE u.ctid = ANY (ARRAY(SELECT o.ctid FROM ledger_unrolled o LIMIT batch))
        RETURNING u.account_id, u.posted_minor, u.postings
    ), summed AS (
        INSERT INTO ledger_checkpoints AS c (account_id, posted_minor, postings)
            SELECT g.account_id, sum(g.posted_minor), sum(g.postings) FROM gone g GROUP BY g.account_id
            ON CONFLICT (account_id) DO UPDATE SET posted_minor = c.posted_minor + excluded.posted_minor,
                postings = c.postings + excluded.postings, rolled_at = clock_timestamp()
    )
    SELECT count(*) INTO taken FROM gone;
    RETURN taken;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_roll_up(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_roll_up(integer) TO aurum_worker;

-- What the books say, for a balance of any account, the bank's own included.
CREATE OR REPLACE VIEW ledger_balances WITH (security_invoker = true) AS
    SELECT a.id AS account_id, a.user_id, a.account_number, a.account_type, a.purpose, a.currency, a.exponent,
           CASE WHEN a.floor_minor IS NOT NULL THEN a.posted_minor
                ELSE coalesce((SELECT c.posted_minor FROM ledger_checkpoints c WHERE c.account_id = a.id), 0)
                     + (SELECT coalesce(sum(u.posted_minor), 0)::bigint FROM ledger_unrolled u WHERE u.account_id = a.id)
           END AS posted_minor,
           a.held_minor
    FROM accounts a;

GRANT SELECT ON ledger_checkpoints, ledger_unrolled TO aurum_api, aurum_worker;
ALTER TABLE ledger_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_unrolled ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON ledger_checkpoints FOR SELECT TO aurum_worker USING (true);
CREATE POLICY worker ON ledger_unrolled FOR SELECT TO aurum_worker USING (true);
CREATE POLICY staff ON ledger_checkpoints FOR SELECT TO aurum_api USING (app.may('accounts:read') AND app.role() <> 'customer');
CREATE POLICY staff ON ledger_unrolled FOR SELECT TO aurum_api USING (app.may('accounts:read') AND app.role() <> 'customer');

-- What has to hold in the books at any moment, whoever wrote them; each row that comes back is a breach.
CREATE OR REPLACE FUNCTION ledger_proof() RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'postings_sum_to_zero', p.currency, 0::bigint, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT 'entry_sums_to_zero', p.transaction_id::text, 0, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.transaction_id, p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT b.rule, b.subject, b.expected, b.found
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total, count(*) AS legs, max(account_version) AS newest
                   FROM postings GROUP BY account_id) s
            ON s.account_id = a.id
        CROSS JOIN LATERAL (VALUES
            ('balance_is_sum_of_postings', a.account_number, coalesce(s.total, 0), a.posted_minor),
            ('version_counts_postings', a.account_number, coalesce(s.legs, 0), a.version),
            -- Each version is there once, by a unique key: with the newest as large as their number none is missing.
            ('versions_have_no_gap', a.account_number, coalesce(s.legs, 0), coalesce(s.newest, 0))
        ) b(rule, subject, expected, found)
        WHERE a.floor_minor IS NOT NULL AND b.expected <> b.found
    UNION ALL
    -- The bank's own unchecked accounts: checkpoint and what waits for the next one, against all there is.
    SELECT 'checkpoint_is_sum_of_postings', b.account_number, coalesce(s.total, 0), b.posted_minor
        FROM ledger_balances b JOIN accounts a ON a.id = b.account_id AND a.floor_minor IS NULL
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM postings WHERE account_version IS NULL
                   GROUP BY account_id) s ON s.account_id = b.account_id
        WHERE b.posted_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'balance_after_follows', s.transaction_id || '/' || s.leg, s.should, s.balance_after_minor
        FROM (SELECT p.transaction_id, p.leg, p.balance_after_minor, p.amount_minor
                     + coalesce(lag(p.balance_after_minor) OVER (PARTITION BY p.account_id ORDER BY p.account_version), 0) AS should
              FROM postings p WHERE p.account_version IS NOT NULL) s
        WHERE s.should <> s.balance_after_minor
    UNION ALL
    SELECT 'posting_has_account', p.account_id::text, 0, count(*) FROM postings p
        WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = p.account_id) GROUP BY p.account_id
    UNION ALL
    SELECT 'posting_has_entry', p.transaction_id::text, 0, count(*) FROM postings p
        WHERE NOT EXISTS (SELECT FROM transactions t WHERE t.id = p.transaction_id) GROUP BY p.transaction_id
    UNION ALL
    SELECT 'held_is_sum_of_open_holds', a.account_number, coalesce(s.total, 0), a.held_minor
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM holds WHERE status = 'open' GROUP BY account_id) s
            ON s.account_id = a.id
        WHERE a.held_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'entry_has_legs', t.id::text, 2, count(p.leg) FROM transactions t LEFT JOIN postings p ON p.transaction_id = t.id
        GROUP BY t.id HAVING count(p.leg) < 2
$$;
