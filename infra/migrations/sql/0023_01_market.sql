-- The sessions of the exchange, filled by rule (infra/market_days.py) and corrected by operators. What is here is told
-- to everybody: no row belongs to anybody.
CREATE TABLE market_days (
    day       date PRIMARY KEY,
    opens_at  timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    early     boolean NOT NULL DEFAULT false,
    -- A day on which the exchange stays shut though the rule says otherwise; only an operator says so.
    closed    boolean NOT NULL DEFAULT false,
    source    text NOT NULL DEFAULT 'rule' CHECK (source IN ('rule', 'operator')),
    CHECK (closes_at > opens_at),
    CHECK (NOT closed OR source = 'operator')
);
GRANT SELECT ON market_days TO aurum_api, aurum_worker;
GRANT INSERT, UPDATE ON market_days TO aurum_worker;

-- What a source has told, so that every process knows it and nobody asks twice. `asking_until`: somebody asks now, and
-- may take until then.
CREATE TABLE market_answers (
    key          text PRIMARY KEY,
    answer       jsonb,
    told_at      timestamptz,
    fresh_until  timestamptz,
    asking_until timestamptz,
    CHECK ((answer IS NULL) = (told_at IS NULL) AND (answer IS NULL) = (fresh_until IS NULL))
);
GRANT SELECT, INSERT, UPDATE ON market_answers TO aurum_api, aurum_worker;
GRANT DELETE ON market_answers TO aurum_worker;

-- How often a source may be asked: so many times in any 24 hours, and no sooner than a pause after the time before. Our
-- day is any 24 hours, since nobody says when theirs begins.
CREATE TABLE market_budgets (
    source     text PRIMARY KEY,
    next_at    timestamptz NOT NULL DEFAULT '-infinity',
    -- The source itself says that nothing is left.
    spent_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE market_calls (
    source text NOT NULL REFERENCES market_budgets,
    at     timestamptz NOT NULL
);
CREATE INDEX market_calls_of_source ON market_calls (source, at);

-- Takes one call of a source's budget, for everybody who asks in one line. Seconds to wait before it is made; or -1
-- where the day's calls are spent, and -2 where too many wait already.
CREATE FUNCTION market_ask(wanted text, a_day integer, pause interval, patience interval) RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    budget market_budgets%ROWTYPE;
    turn timestamptz;
BEGIN
    INSERT INTO market_budgets (source) VALUES (wanted) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT budget FROM market_budgets WHERE source = wanted FOR UPDATE;
    turn := greatest(clock_timestamp(), budget.next_at);
    IF budget.spent_until > clock_timestamp() THEN
        RETURN -1;
    END IF;
    DELETE FROM market_calls c WHERE c.source = wanted AND c.at <= turn - interval '24 hours';
    IF a_day IS NOT NULL AND (SELECT count(*) FROM market_calls c WHERE c.source = wanted) >= a_day THEN
        RETURN -1;
    END IF;
    IF turn > clock_timestamp() + patience THEN
        RETURN -2;
    END IF;
    UPDATE market_budgets SET next_at = turn + pause WHERE source = wanted;
    IF a_day IS NOT NULL THEN
        INSERT INTO market_calls VALUES (wanted, turn);
    END IF;
    RETURN extract(epoch FROM turn - clock_timestamp());
END $$;

-- The source has said so itself.
CREATE FUNCTION market_spent(wanted text, until timestamptz) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO market_budgets (source, spent_until) VALUES (wanted, until)
    ON CONFLICT (source) DO UPDATE SET spent_until = greatest(market_budgets.spent_until, excluded.spent_until)
$$;
REVOKE EXECUTE ON FUNCTION market_ask(text, integer, interval, interval), market_spent(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION market_ask(text, integer, interval, interval), market_spent(text, timestamptz)
    TO aurum_api, aurum_worker;
