-- Alerts on prices. A sweep compares the price that was swept last with the present one, and reads of the index only the
-- levels between them: what it costs follows what has moved, not how many alerts there are.
CREATE TABLE price_alerts (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id      uuid NOT NULL REFERENCES users,
    symbol       text NOT NULL CHECK (length(symbol) BETWEEN 1 AND 16),
    condition    text NOT NULL CHECK (condition IN ('above', 'below', 'crosses', 'percent_move')),
    -- A price; of percent_move the per cent that the price is from the close before, up or down.
    level        numeric(18, 6) NOT NULL CHECK (level > 0),
    -- The price when it was set: from where it crosses.
    reference    numeric(18, 6) NOT NULL,
    repeat       boolean NOT NULL DEFAULT false,
    cooldown     interval NOT NULL DEFAULT '1 hour',
    session_only boolean NOT NULL DEFAULT false,
    expires_at   timestamptz,
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'triggered', 'paused', 'expired')),
    set_at       timestamptz NOT NULL DEFAULT now(),
    -- No sweep has seen it yet: it is judged by where the price is, afterwards by how it moves.
    fresh        boolean NOT NULL DEFAULT true,
    times        integer NOT NULL DEFAULT 0,
    last_at      timestamptz,
    last_price   numeric(18, 6),
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX price_alerts_levels ON price_alerts (symbol, condition, session_only, level)
    WHERE status = 'active' AND NOT fresh;
CREATE INDEX price_alerts_fresh ON price_alerts (symbol) WHERE status = 'active' AND fresh;
CREATE INDEX price_alerts_expiring ON price_alerts (expires_at) WHERE status IN ('active', 'paused');
CREATE INDEX price_alerts_of ON price_alerts (user_id, id DESC);

CREATE TABLE price_alert_firings (
    alert_id uuid NOT NULL REFERENCES price_alerts ON DELETE CASCADE,
    number   integer NOT NULL,
    user_id  uuid NOT NULL REFERENCES users,
    price    numeric(18, 6) NOT NULL,
    as_of    timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    PRIMARY KEY (alert_id, number)
);

-- Where each price stood when it was swept last; of alerts that hold in sessions alone, when it was swept in one.
-- `move` is the per cent from the close before, without its sign.
CREATE TABLE market_prices (
    symbol        text PRIMARY KEY,
    as_of         timestamptz,
    session_date  date,
    price         numeric(18, 6),
    move          numeric(18, 6),
    session_price numeric(18, 6),
    session_move  numeric(18, 6),
    split_on      date
);

GRANT SELECT, DELETE ON price_alerts TO aurum_api;
GRANT INSERT (id, user_id, symbol, condition, level, reference, repeat, cooldown, session_only, expires_at)
    ON price_alerts TO aurum_api;
GRANT UPDATE (level, reference, repeat, cooldown, session_only, expires_at, status, set_at, fresh)
    ON price_alerts TO aurum_api;
GRANT SELECT, UPDATE ON price_alerts TO aurum_worker;
GRANT SELECT ON price_alert_firings TO aurum_api;
GRANT SELECT, INSERT ON price_alert_firings TO aurum_worker;
GRANT INSERT (symbol), SELECT (symbol) ON market_prices TO aurum_api;
GRANT SELECT, INSERT, UPDATE ON market_prices TO aurum_worker;
ALTER TABLE price_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_alert_firings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON price_alerts TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY own ON price_alert_firings FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY worker ON price_alerts TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON price_alert_firings TO aurum_worker USING (true) WITH CHECK (true);

-- Sweeps the present prices, all in the caller's transaction: what fires is recorded, and a price that was swept once
-- moves nothing a second time, nor does one that is older. Who sweeps the same prices at the same time waits.
CREATE FUNCTION sweep_price_alerts(
    symbols text[], prices numeric[], moves numeric[], moments timestamptz[], days date[], running boolean[],
    splits numeric[], swept_at timestamptz)
    RETURNS TABLE (alert_id uuid, number integer, user_id uuid, symbol text, condition text, level numeric,
                   price numeric, as_of timestamptz)
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    apart record;
BEGIN
    INSERT INTO market_prices (symbol) SELECT unnest(symbols) ON CONFLICT DO NOTHING;
    PERFORM FROM market_prices m WHERE m.symbol = ANY (symbols) ORDER BY m.symbol FOR UPDATE;

    -- Levels that were set before a split are in the shares of then.
    FOR apart IN
        SELECT n.symbol, n.day, n.split FROM unnest(symbols, days, splits) AS n (symbol, day, split)
        JOIN market_prices m ON m.symbol = n.symbol
        WHERE n.split <> 1 AND n.day > coalesce(m.split_on, '-infinity')
    LOOP
        UPDATE price_alerts a SET level = a.level / apart.split, reference = a.reference / apart.split
            WHERE a.symbol = apart.symbol AND a.status IN ('active', 'paused') AND a.condition <> 'percent_move'
                AND (a.set_at AT TIME ZONE 'America/New_York')::date < apart.day;
        UPDATE market_prices m SET split_on = apart.day, price = m.price / apart.split,
            session_price = m.session_price / apart.split WHERE m.symbol = apart.symbol;
    END LOOP;

    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT n.symbol, n.price, abs(n.move) AS move, n.as_of, n.running,
               n.as_of > coalesce(m.as_of, '-infinity') AS newer,
               m.price AS before, CASE WHEN m.session_date = n.day THEN m.move ELSE 0 END AS move_before,
               m.session_price AS in_session, CASE WHEN m.session_date = n.day THEN coalesce(m.session_move, 0) ELSE 0 END
                   AS move_in_session
        FROM unnest(symbols, prices, moves, moments, days, running) AS n (symbol, price, move, as_of, day, running)
        JOIN market_prices m ON m.symbol = n.symbol
        WHERE n.as_of >= coalesce(m.as_of, '-infinity')
    ), ways AS (
        -- From where to where, for alerts of every session and of sessions alone; nothing moves where nothing was swept.
        SELECT s.symbol, false AS session_only, s.before AS low, s.price AS high, s.move_before AS least, s.move AS most
        FROM seen s WHERE s.newer AND s.before IS NOT NULL AND (s.before, s.move_before) IS DISTINCT FROM (s.price, s.move)
        UNION ALL
        SELECT s.symbol, true, s.in_session, s.price, s.move_in_session, s.move
        FROM seen s WHERE s.newer AND s.running AND s.in_session IS NOT NULL
            AND (s.in_session, s.move_in_session) IS DISTINCT FROM (s.price, s.move)
    ), reached AS (
        SELECT a.id FROM ways w CROSS JOIN LATERAL (
            SELECT a.id FROM price_alerts a
            WHERE a.status = 'active' AND NOT a.fresh AND a.symbol = w.symbol AND a.condition = 'above'
                AND a.session_only = w.session_only AND a.level > w.low AND a.level <= w.high
            UNION ALL
            SELECT a.id FROM price_alerts a
            WHERE a.status = 'active' AND NOT a.fresh AND a.symbol = w.symbol AND a.condition = 'below'
                AND a.session_only = w.session_only AND a.level < w.low AND a.level >= w.high
            UNION ALL
            SELECT a.id FROM price_alerts a
            WHERE a.status = 'active' AND NOT a.fresh AND a.symbol = w.symbol AND a.condition = 'crosses'
                AND a.session_only = w.session_only AND a.level > w.low AND a.level <= w.high
            UNION ALL
            SELECT a.id FROM price_alerts a
            WHERE a.status = 'active' AND NOT a.fresh AND a.symbol = w.symbol AND a.condition = 'crosses'
                AND a.session_only = w.session_only AND a.level < w.low AND a.level >= w.high
            UNION ALL
            SELECT a.id FROM price_alerts a
            WHERE a.status = 'active' AND NOT a.fresh AND a.symbol = w.symbol AND a.condition = 'percent_move'
                AND a.session_only = w.session_only AND a.level > w.least AND a.level <= w.most
        ) a
        UNION ALL
        SELECT a.id FROM seen s JOIN price_alerts a ON a.symbol = s.symbol
        WHERE a.status = 'active' AND a.fresh AND (NOT a.session_only OR s.running AND s.as_of >= a.set_at)
            AND CASE a.condition
                WHEN 'above' THEN s.price >= a.level
                WHEN 'below' THEN s.price <= a.level
                WHEN 'crosses' THEN a.reference < a.level AND s.price >= a.level
                    OR a.reference > a.level AND s.price <= a.level
                ELSE s.move >= a.level END
    ), fired AS (
        UPDATE price_alerts a
        SET times = a.times + 1, last_at = swept_at, last_price = s.price, fresh = false,
            status = CASE WHEN a.repeat THEN 'active' ELSE 'triggered' END
        FROM reached r, seen s
        WHERE a.id = r.id AND s.symbol = a.symbol AND a.status = 'active'
            AND (a.expires_at IS NULL OR a.expires_at > swept_at)
            AND (a.last_at IS NULL OR a.last_at + a.cooldown <= swept_at)
        RETURNING a.id, a.times, a.user_id, a.symbol, a.condition, a.level, s.price, s.as_of
    ), recorded AS (
        INSERT INTO price_alert_firings (alert_id, number, user_id, price, as_of, fired_at)
        SELECT f.id, f.times, f.user_id, f.price, f.as_of, swept_at FROM fired f
    )
    SELECT f.id, f.times, f.user_id, f.symbol, f.condition, f.level::numeric, f.price::numeric, f.as_of FROM fired f;

    UPDATE price_alerts a SET fresh = false
        FROM unnest(symbols, moments, running) AS n (symbol, as_of, running), market_prices m
        WHERE a.symbol = n.symbol AND m.symbol = n.symbol AND a.status = 'active' AND a.fresh
            AND n.as_of >= coalesce(m.as_of, '-infinity') AND (NOT a.session_only OR n.running AND n.as_of >= a.set_at);
    UPDATE market_prices m
        SET as_of = n.as_of, price = n.price, move = abs(n.move), session_date = n.day,
            session_price = CASE WHEN n.running THEN n.price ELSE m.session_price END,
            session_move = CASE WHEN n.running THEN abs(n.move) WHEN m.session_date = n.day THEN m.session_move END
        FROM unnest(symbols, prices, moves, moments, days, running) AS n (symbol, price, move, as_of, day, running)
        WHERE m.symbol = n.symbol AND n.as_of > coalesce(m.as_of, '-infinity');
END $$;
REVOKE EXECUTE ON FUNCTION sweep_price_alerts(text[], numeric[], numeric[], timestamptz[], date[], boolean[], numeric[],
    timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_price_alerts(text[], numeric[], numeric[], timestamptz[], date[], boolean[], numeric[],
    timestamptz) TO aurum_worker;
