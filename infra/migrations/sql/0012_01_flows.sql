-- What came in and went out of customers' accounts by day (UTC) and category, rolled up from the postings.
--
-- The postings of an account are numbered without a gap and committed in that order, under the lock on its row: all up
-- to a number (`account_flow_horizons`) are rolled up, all after it are not. A reader adds the rest to the roll-up in one
-- statement, and so is never behind; a posting costs nothing more than before (decision 0017).
CREATE TABLE account_flow_horizons (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version    bigint NOT NULL CHECK (version > 0),
    rolled_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

CREATE TABLE account_flows (
    account_id uuid NOT NULL REFERENCES accounts,
    day        date NOT NULL,
    category   text NOT NULL,
    -- Both sides of the transaction are accounts of one person: neither income nor spending, seen over all of theirs.
    own        boolean NOT NULL,
    in_minor   bigint NOT NULL CHECK (in_minor >= 0),
    out_minor  bigint NOT NULL CHECK (out_minor >= 0),
    times      bigint NOT NULL CHECK (times > 0),
    PRIMARY KEY (account_id, day, category, own)
) WITH (fillfactor = 70);

-- The largest debits of a day, the largest first: with at most five of each day the five of any days are known.
CREATE TABLE account_flow_peaks (
    account_id uuid NOT NULL REFERENCES accounts,
    day        date NOT NULL,
    own        boolean NOT NULL,
    amounts    bigint[] NOT NULL,
    entries    uuid[] NOT NULL CHECK (cardinality(entries) BETWEEN 1 AND 5 AND cardinality(entries) = cardinality(amounts)),
    PRIMARY KEY (account_id, day, own)
) WITH (fillfactor = 70);

-- The postings of checked accounts as they count. A further leg of the same account is what the entry cost its owner,
-- and is filed under fees. Whoever may not see the other account is not its owner.
CREATE VIEW account_movements WITH (security_invoker = true) AS
    SELECT p.account_id, p.account_version, p.transaction_id, p.amount_minor, p.created_at AS moved_at, f.is_fee,
           CASE WHEN f.is_fee THEN 'fees' ELSE coalesce(t.category, 'other') END AS category,
           EXISTS (SELECT FROM accounts s JOIN accounts r ON r.user_id = s.user_id
                   WHERE s.id = t.from_account_id AND r.id = t.to_account_id) AS own
    FROM postings p
    JOIN transactions t ON t.id = p.transaction_id
    CROSS JOIN LATERAL (SELECT p.leg > 2 AND EXISTS (SELECT FROM postings e WHERE e.transaction_id = p.transaction_id
        AND e.leg < p.leg AND e.account_id = p.account_id) AS is_fee OFFSET 0) f
    WHERE p.account_version IS NOT NULL;

-- Rolls up at most about `batch` postings, of the accounts that have some, and says how many. One works at a time; a
-- second one leaves the rest to it and says none. Which accounts have some is read from their rows: an index that told
-- it would have to be written with every posting.
CREATE FUNCTION account_flows_roll_up(batch integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    taken integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7203022) THEN
        RETURN 0;
    END IF;
    WITH behind AS (
        SELECT a.id, coalesce(h.version, 0) AS above, least(a.version, coalesce(h.version, 0) + batch) AS upto
        FROM accounts a LEFT JOIN account_flow_horizons h ON h.account_id = a.id
        WHERE a.user_id IS NOT NULL AND a.version > coalesce(h.version, 0)
    ), due AS MATERIALIZED (
        SELECT s.id, s.above, s.upto
        FROM (SELECT b.*, sum(b.upto - b.above) OVER (ORDER BY b.id) - (b.upto - b.above) AS before FROM behind b) s
        WHERE s.before < batch
    ), moved AS MATERIALIZED (
        SELECT m.account_id, (m.moved_at AT TIME ZONE 'UTC')::date AS day, m.category, m.own, m.is_fee, m.amount_minor,
               m.transaction_id
        FROM due d JOIN account_movements m
            ON m.account_id = d.id AND m.account_version > d.above AND m.account_version <= d.upto
    ), summed AS (
        INSERT INTO account_flows AS f (account_id, day, category, own, in_minor, out_minor, times)
            SELECT m.account_id, m.day, m.category, m.own, coalesce(sum(m.amount_minor) FILTER (WHERE m.amount_minor > 0), 0),
                   coalesce(-sum(m.amount_minor) FILTER (WHERE m.amount_minor < 0), 0), count(*)
            FROM moved m GROUP BY 1, 2, 3, 4
            ON CONFLICT (account_id, day, category, own) DO UPDATE SET in_minor = f.in_minor + excluded.in_minor,
                out_minor = f.out_minor + excluded.out_minor, times = f.times + excluded.times
    ), peaks AS (
        INSERT INTO account_flow_peaks AS k (account_id, day, own, amounts, entries)
            SELECT m.account_id, m.day, m.own, (array_agg(m.amount_minor ORDER BY m.amount_minor, m.transaction_id))[:5],
                   (array_agg(m.transaction_id ORDER BY m.amount_minor, m.transaction_id))[:5]
            FROM moved m WHERE m.amount_minor < 0 AND NOT m.is_fee GROUP BY 1, 2, 3
            ON CONFLICT (account_id, day, own) DO UPDATE SET (amounts, entries) = (
                SELECT array_agg(u.amount ORDER BY u.amount, u.entry), array_agg(u.entry ORDER BY u.amount, u.entry)
                FROM (SELECT * FROM unnest(k.amounts || excluded.amounts, k.entries || excluded.entries) x(amount, entry)
                      ORDER BY x.amount, x.entry LIMIT 5) u)
    ), reached AS (
        INSERT INTO account_flow_horizons AS h (account_id, version) SELECT d.id, d.upto FROM due d
            ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, rolled_at = clock_timestamp()
    )
    SELECT coalesce(sum(d.upto - d.above), 0) INTO taken FROM due d;
    RETURN taken;
END $$;

-- Where the roll-up is not what the postings say, up to where it claims to go.
CREATE FUNCTION account_flows_proof()
    RETURNS TABLE (rule text, subject text, expected bigint, found bigint, account_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    WITH moved AS MATERIALIZED (
        SELECT m.account_id, (m.moved_at AT TIME ZONE 'UTC')::date AS day, m.category, m.own, m.is_fee, m.amount_minor,
               m.transaction_id
        FROM account_flow_horizons h JOIN account_movements m
            ON m.account_id = h.account_id AND m.account_version <= h.version
    ), summed AS (
        SELECT m.account_id, m.day, m.category, m.own, coalesce(sum(m.amount_minor) FILTER (WHERE m.amount_minor > 0), 0) AS i,
               coalesce(-sum(m.amount_minor) FILTER (WHERE m.amount_minor < 0), 0) AS o, count(*) AS n
        FROM moved m GROUP BY 1, 2, 3, 4
    ), peaks AS (
        SELECT m.account_id, m.day, m.own, (array_agg(m.amount_minor ORDER BY m.amount_minor, m.transaction_id))[:5] AS amounts,
               (array_agg(m.transaction_id ORDER BY m.amount_minor, m.transaction_id))[:5] AS entries
        FROM moved m WHERE m.amount_minor < 0 AND NOT m.is_fee GROUP BY 1, 2, 3
    )
    SELECT 'flows_reach_no_further_than_postings', h.account_id::text, a.version, h.version, h.account_id
        FROM account_flow_horizons h JOIN accounts a ON a.id = h.account_id WHERE h.version > a.version
    UNION ALL
    SELECT b.rule, account_id || '/' || day || '/' || category, b.expected, b.found, account_id
        FROM summed s FULL JOIN account_flows f USING (account_id, day, category, own)
        CROSS JOIN LATERAL (VALUES
            ('flow_in_is_sum_of_postings', coalesce(s.i, 0)::bigint, coalesce(f.in_minor, 0)),
            ('flow_out_is_sum_of_postings', coalesce(s.o, 0)::bigint, coalesce(f.out_minor, 0)),
            ('flow_counts_postings', coalesce(s.n, 0), coalesce(f.times, 0))
        ) b(rule, expected, found)
        WHERE b.expected <> b.found
    UNION ALL
    -- The largest of the day are told; which place is wrong is of no use to anybody.
    SELECT 'flow_peaks_are_largest_debits', account_id || '/' || day, coalesce(s.amounts[1], 0), coalesce(k.amounts[1], 0), account_id
        FROM peaks s FULL JOIN account_flow_peaks k USING (account_id, day, own)
        WHERE (s.amounts, s.entries) IS DISTINCT FROM (k.amounts, k.entries)
$$;

-- Forgets the roll-up of some accounts. Readers take their postings instead, until they are rolled up anew. It waits for
-- a roll-up that is at work, whose new rows it would not see.
CREATE FUNCTION account_flows_forget(wanted uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT pg_advisory_xact_lock(7203022);
    DELETE FROM account_flow_horizons h WHERE h.account_id = ANY (wanted);
    DELETE FROM account_flows f WHERE f.account_id = ANY (wanted);
    DELETE FROM account_flow_peaks k WHERE k.account_id = ANY (wanted);
$$;

REVOKE EXECUTE ON FUNCTION account_flows_roll_up(integer), account_flows_proof(), account_flows_forget(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_flows_roll_up(integer), account_flows_proof(), account_flows_forget(uuid[]) TO aurum_worker;
GRANT SELECT ON account_movements, account_flow_horizons, account_flows, account_flow_peaks TO aurum_api, aurum_worker;

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['account_flow_horizons', 'account_flows', 'account_flow_peaks'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', kept);
        EXECUTE format('CREATE POLICY worker ON %I FOR SELECT TO aurum_worker USING (true)', kept);
        EXECUTE format('CREATE POLICY own ON %I FOR SELECT TO aurum_api
            USING (account_id IN (SELECT a.id FROM accounts a WHERE a.user_id = app.user_id()))', kept);
        EXECUTE format('CREATE POLICY staff ON %I FOR SELECT TO aurum_api
            USING (app.may(''transactions:read'') AND app.role() <> ''customer'')', kept);
    END LOOP;
END $$;
