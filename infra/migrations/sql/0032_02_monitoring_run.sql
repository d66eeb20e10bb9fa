-- What the customers of the bank moved, as rules count it: the amount of the transaction and not what it cost. Fees,
-- transfers between accounts of one person, and what the bank does by itself do not count. `counts` looks at other tables,
-- and is asked of those rows alone that a rule is about (a CASE before it sees to that).
CREATE VIEW monitored_movements WITH (security_invoker = true) AS
    SELECT p.account_id, p.account_version, p.transaction_id, p.created_at AS moved_at, p.amount_minor > 0 AS incoming,
           CASE WHEN t.currency = p.currency THEN t.amount_minor ELSE abs(p.amount_minor) END AS size_minor,
           t.transaction_type, t.description,
           t.transaction_type <> ALL ('{opening,reversal,wire_return,wire_blocked,wire_unblocked,payment_return}')
           AND NOT (p.leg > 2 AND EXISTS (SELECT FROM postings e WHERE e.transaction_id = p.transaction_id
                    AND e.leg < p.leg AND e.account_id = p.account_id))
           AND NOT EXISTS (SELECT FROM accounts s JOIN accounts r ON r.user_id = s.user_id
                           WHERE s.id = t.from_account_id AND r.id = t.to_account_id) AS counts
    FROM postings p JOIN transactions t ON t.id = p.transaction_id
    WHERE p.account_version IS NOT NULL;
REVOKE ALL ON monitored_movements FROM PUBLIC;

-- Whether a movement of that size is what a rule is about. `limit_minor`: what the rule names for the currency; a rule
-- that names amounts is silent about currencies that it does not name.
CREATE FUNCTION app.rule_matches(rule jsonb, incoming boolean, size_minor bigint, limit_minor bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (rule ->> 'direction' = 'both' OR (rule ->> 'direction' = 'in') = incoming)
        AND CASE rule ->> 'kind'
            WHEN 'velocity' THEN true
            WHEN 'round_amounts' THEN size_minor >= limit_minor AND size_minor % limit_minor = 0
            WHEN 'structuring' THEN size_minor < limit_minor
                AND size_minor * 100::numeric >= limit_minor * (100 - (rule ->> 'margin_percent')::numeric)
            WHEN 'dormant' THEN size_minor >= limit_minor
        END;

-- After which moment a movement's window begins, and until when the rule is silent once it has spoken. Hours have passed,
-- whatever clocks say; days are those of the rule's calendar, 23 or 25 hours long where clocks are changed, and the first
-- moment of a day belongs to it.
CREATE FUNCTION app.rule_window(rule jsonb, moved_at timestamptz, OUT begins_at timestamptz, OUT silent_until timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN rule ? 'hours' THEN moved_at - make_interval(hours => (rule ->> 'hours')::integer)
                ELSE (day - make_interval(days => (rule ->> 'days')::integer - 1)) AT TIME ZONE (rule ->> 'zone')
                     - interval '1 microsecond' END,
           CASE WHEN rule ? 'hours' THEN moved_at + make_interval(hours => (rule ->> 'hours')::integer)
                ELSE (day + make_interval(days => (rule ->> 'days')::integer)) AT TIME ZONE (rule ->> 'zone') END
    FROM date_trunc('day', moved_at AT TIME ZONE coalesce(rule ->> 'zone', 'UTC')) AS day
$$;

-- The alerts of a rule that counts in windows, for the postings above `above` up to `upto` of each account.
-- Running sums over the postings and over the beginnings of the windows, in one order of time, tell what each window holds
-- without counting it again: the cost is that of the postings in the windows of the accounts that moved, however many
-- there were before.
CREATE FUNCTION app.monitor_window(rule jsonb, book integer, ids uuid[], above bigint[], upto bigint[]) RETURNS void
    LANGUAGE sql SET search_path = public, app, pg_temp AS $$
    WITH due AS (
        SELECT d.id, d.above, d.upto, a.user_id, a.account_number, a.currency, u.risk_level,
               ((rule -> 'amounts' ->> a.currency)::numeric * 10::numeric ^ a.exponent::numeric)::bigint AS limit_minor
        FROM unnest(ids, above, upto) d(id, above, upto) JOIN accounts a ON a.id = d.id JOIN users u ON u.id = a.user_id
    ), fresh AS MATERIALIZED (
        SELECT d.id, m.account_version AS version, m.moved_at, w.begins_at, w.silent_until
        FROM due d JOIN monitored_movements m ON m.account_id = d.id AND m.account_version > d.above AND m.account_version <= d.upto
        CROSS JOIN LATERAL app.rule_window(rule, m.moved_at) w
        WHERE CASE WHEN app.rule_matches(rule, m.incoming, m.size_minor, d.limit_minor) THEN m.counts ELSE false END
    ), spans AS MATERIALIZED (
        SELECT f.id, app.version_at(f.id, f.first - interval '1 microsecond') AS before, f.last
        FROM (SELECT id, min(begins_at) AS first, max(version) AS last FROM fresh GROUP BY id) f
    ), sums AS MATERIALIZED (
        SELECT e.id, e.version, e.opens, sum(e.counted) OVER w AS times, sum(e.counted * e.size_minor) OVER w AS total
        FROM (SELECT s.id, m.account_version AS version, m.moved_at AS at, false AS opens, m.size_minor,
                     (CASE WHEN app.rule_matches(rule, m.incoming, m.size_minor, d.limit_minor) THEN m.counts ELSE false END)::integer
                         AS counted
              FROM spans s JOIN due d ON d.id = s.id
              JOIN monitored_movements m ON m.account_id = s.id AND m.account_version > s.before AND m.account_version <= s.last
              UNION ALL
              -- After a posting of that moment, which is outside: see `rule_window`.
              SELECT f.id, f.version, f.begins_at, true, 0, 0 FROM fresh f) e
        WINDOW w AS (PARTITION BY e.id ORDER BY e.at, e.opens, e.version)
    ), reached AS (
        SELECT f.*, n.times - b.times AS movements, n.total - b.total AS total
        FROM fresh f JOIN sums n ON n.id = f.id AND n.version = f.version AND NOT n.opens
        JOIN sums b ON b.id = f.id AND b.version = f.version AND b.opens
    ), found AS (
        INSERT INTO monitoring_alerts (customer_id, account_id, account_number, currency, rulebook, rule, two_people,
                                       account_version, happened_at, begins_at, silent_until, movements, amount_minor)
        SELECT d.user_id, d.id, d.account_number, d.currency, book, rule ->> 'name',
               (rule ->> 'two_people')::boolean OR d.risk_level = 'high', r.version, r.moved_at, r.begins_at, r.silent_until,
               r.movements, r.total
        FROM reached r JOIN due d ON d.id = r.id
        WHERE CASE rule ->> 'kind'
                  WHEN 'velocity' THEN r.movements >= (rule ->> 'count')::integer OR r.total >= d.limit_minor
                  WHEN 'structuring' THEN r.movements >= (rule ->> 'count')::integer AND r.total >= d.limit_minor
                  ELSE r.movements >= (rule ->> 'count')::integer END
            AND NOT EXISTS (SELECT FROM monitoring_snoozes z
                            WHERE z.account_id = r.id AND z.rule = monitor_window.rule ->> 'name' AND z.until > r.moved_at)
        ORDER BY r.id, r.version
        ON CONFLICT DO NOTHING RETURNING id, customer_id, account_id, account_version
    )
    INSERT INTO monitoring_evidence (alert_id, account_version, customer_id, transaction_id, transaction_type, description,
                                     amount_minor, moved_at)
    SELECT f.id, m.account_version, f.customer_id, m.transaction_id, m.transaction_type, m.description,
           CASE WHEN m.incoming THEN m.size_minor ELSE -m.size_minor END, m.moved_at
    FROM found f JOIN due d ON d.id = f.account_id JOIN fresh r ON r.id = f.account_id AND r.version = f.account_version
    CROSS JOIN LATERAL (
        SELECT o.* FROM monitored_movements o
        WHERE o.account_id = f.account_id AND o.account_version <= f.account_version AND o.moved_at > r.begins_at
            AND o.account_version > (SELECT s.before FROM spans s WHERE s.id = f.account_id)
            AND CASE WHEN app.rule_matches(rule, o.incoming, o.size_minor, d.limit_minor) THEN o.counts ELSE false END
        ORDER BY o.account_version DESC LIMIT 100) m
$$;

-- The alerts of a rule about accounts on which nothing had moved for long.
CREATE FUNCTION app.monitor_dormant(rule jsonb, book integer, ids uuid[], above bigint[], upto bigint[]) RETURNS void
    LANGUAGE sql SET search_path = public, app, pg_temp AS $$
    WITH due AS (
        SELECT d.id, d.above, d.upto, a.user_id, a.account_number, a.currency, u.risk_level,
               ((rule -> 'amounts' ->> a.currency)::numeric * 10::numeric ^ a.exponent::numeric)::bigint AS limit_minor
        FROM unnest(ids, above, upto) d(id, above, upto) JOIN accounts a ON a.id = d.id JOIN users u ON u.id = a.user_id
    ), woken AS MATERIALIZED (
        SELECT d.*, m.account_version AS version, m.moved_at, m.size_minor, m.incoming, m.transaction_id, m.transaction_type,
               m.description, b.moved_at AS last_at
        FROM due d JOIN monitored_movements m ON m.account_id = d.id AND m.account_version > d.above AND m.account_version <= d.upto
        CROSS JOIN LATERAL (SELECT o.moved_at FROM monitored_movements o
                            WHERE o.account_id = d.id AND o.account_version < m.account_version
                                AND CASE WHEN o.moved_at > m.moved_at - make_interval(days => (rule ->> 'days')::integer)
                                         THEN o.counts ELSE true END
                            ORDER BY o.account_version DESC LIMIT 1) b
        WHERE CASE WHEN app.rule_matches(rule, m.incoming, m.size_minor, d.limit_minor) THEN m.counts ELSE false END
            AND b.moved_at <= m.moved_at - make_interval(days => (rule ->> 'days')::integer)
            AND NOT EXISTS (SELECT FROM monitoring_snoozes z
                            WHERE z.account_id = d.id AND z.rule = monitor_dormant.rule ->> 'name' AND z.until > m.moved_at)
    ), found AS (
        INSERT INTO monitoring_alerts (customer_id, account_id, account_number, currency, rulebook, rule, two_people,
                                       account_version, happened_at, begins_at, silent_until, movements, amount_minor, last_at)
        SELECT w.user_id, w.id, w.account_number, w.currency, book, rule ->> 'name',
               (rule ->> 'two_people')::boolean OR w.risk_level = 'high', w.version, w.moved_at, w.moved_at,
               w.moved_at + make_interval(days => (rule ->> 'days')::integer), 1, w.size_minor, w.last_at
        FROM woken w ORDER BY w.id, w.version
        ON CONFLICT DO NOTHING RETURNING id, customer_id, account_id, account_version
    )
    INSERT INTO monitoring_evidence (alert_id, account_version, customer_id, transaction_id, transaction_type, description,
                                     amount_minor, moved_at)
    SELECT f.id, f.account_version, f.customer_id, w.transaction_id, w.transaction_type, w.description,
           CASE WHEN w.incoming THEN w.size_minor ELSE -w.size_minor END, w.moved_at
    FROM found f JOIN woken w ON w.id = f.account_id AND w.version = f.account_version
$$;

-- Looks at no more than about `batch` postings that no run has looked at, and says how many they were and how many alerts
-- came of them. One works at a time; a second one leaves the rest to it. `term`: how long officers have for a case.
CREATE FUNCTION monitoring_run(batch integer, term interval, OUT taken bigint, OUT alerted bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    book  monitoring_rulebooks%ROWTYPE;
    rule  jsonb;
    ids   uuid[];
    above bigint[];
    upto  bigint[];
BEGIN
    taken := 0;
    alerted := 0;
    IF NOT pg_try_advisory_xact_lock(7203032) THEN
        RETURN;
    END IF;
    SELECT array_agg(s.id ORDER BY s.id), array_agg(s.above ORDER BY s.id), array_agg(s.upto ORDER BY s.id),
           coalesce(sum(s.upto - s.above), 0)
        INTO ids, above, upto, taken
        FROM (SELECT b.*, sum(b.upto - b.above) OVER (ORDER BY b.id) - (b.upto - b.above) AS before
              FROM (SELECT a.id, coalesce(h.version, 0) AS above, least(a.version, coalesce(h.version, 0) + batch) AS upto
                    FROM accounts a LEFT JOIN monitoring_horizons h ON h.account_id = a.id
                    WHERE a.user_id IS NOT NULL AND a.version > coalesce(h.version, 0)) b) s
        WHERE s.before < batch;
    IF taken = 0 THEN
        RETURN;
    END IF;
    SELECT * INTO book FROM monitoring_rulebooks b WHERE b.published_at IS NOT NULL ORDER BY b.version DESC LIMIT 1;
    FOR rule IN SELECT value FROM jsonb_array_elements(book.rules) LOOP
        IF rule ->> 'kind' = 'dormant' THEN
            PERFORM app.monitor_dormant(rule, book.version, ids, above, upto);
        ELSE
            PERFORM app.monitor_window(rule, book.version, ids, above, upto);
        END IF;
    END LOOP;

    -- A case that was explained and waits for a second officer was explained without these.
    INSERT INTO monitoring_cases AS c (customer_id, alerts, two_people, due_at)
        SELECT a.customer_id, count(*), bool_or(a.two_people), now() + term
        FROM monitoring_alerts a WHERE a.case_id IS NULL GROUP BY 1 ORDER BY 1
        ON CONFLICT (customer_id) WHERE status = 'open' DO UPDATE SET alerts = c.alerts + excluded.alerts,
            two_people = c.two_people OR excluded.two_people, reason = NULL, proposed_by = NULL, proposed_at = NULL,
            snooze_until = NULL;
    WITH placed AS (
        UPDATE monitoring_alerts a SET case_id = c.id FROM monitoring_cases c
        WHERE a.case_id IS NULL AND c.customer_id = a.customer_id AND c.status = 'open'
        RETURNING a.id, a.case_id, a.customer_id, a.rule
    ), told AS (
        INSERT INTO monitoring_events (case_id, customer_id, event, body)
        SELECT p.case_id, p.customer_id, 'alerted', p.rule FROM placed p ORDER BY p.id
    )
    SELECT count(*) INTO alerted FROM placed;

    INSERT INTO monitoring_horizons AS h (account_id, version)
        SELECT d.id, d.upto FROM unnest(ids, upto) d(id, upto)
        ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, looked_at = clock_timestamp();
END $$;
REVOKE EXECUTE ON FUNCTION app.rule_matches(jsonb, boolean, bigint, bigint), app.rule_window(jsonb, timestamptz),
    app.monitor_window(jsonb, integer, uuid[], bigint[], bigint[]), app.monitor_dormant(jsonb, integer, uuid[], bigint[], bigint[]),
    monitoring_run(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring_run(integer, interval) TO aurum_worker;
