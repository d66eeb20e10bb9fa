-- What one unit of the base currency is worth in the target currency, by whom, and until when that may be relied on.
-- The seed's rates are simulated and say so; a real provider has to say when its rate is over, and a rate that is over
-- is not used.
CREATE TABLE fx_rates (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    base_currency   text NOT NULL CHECK (base_currency ~ '^[A-Z]{3}$'),
    target_currency text NOT NULL CHECK (target_currency ~ '^[A-Z]{3}$' AND target_currency <> base_currency),
    rate            numeric NOT NULL CHECK (rate > 0),
    spread          numeric NOT NULL DEFAULT 0 CHECK (spread >= 0 AND spread < 1),
    effective_from  timestamptz NOT NULL DEFAULT now(),
    effective_to    timestamptz CHECK (effective_to > effective_from),
    provider        text NOT NULL CHECK (provider <> ''),
    CONSTRAINT fx_rates_end CHECK (effective_to IS NOT NULL OR provider = 'simulated'),
    UNIQUE (base_currency, target_currency, effective_from, provider)
);
CREATE INDEX fx_rates_current ON fx_rates (base_currency, target_currency, effective_from DESC);

-- How risky the bank holds a country to be. A country that is not here counts as medium.
CREATE TABLE country_risks (
    country    text PRIMARY KEY CHECK (country ~ '^[A-Z]{2}$'),
    risk       text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    note       text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    updated_by uuid REFERENCES users,
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- A sample to begin with, and no official list: the FATF names countries three times a year, the EU and each bank add
-- theirs. Compliance makes it its own.
INSERT INTO country_risks (country, risk, note)
    SELECT unnest(string_to_array(
        'AT AU BE CA CH CY CZ DE DK EE ES FI FR GB GR HK HU IE IS IT JP KR LI LT LU LV MT NL NO NZ PL PT RO SE SG SI SK US',
        ' ')), 'low', 'Sample, not an official list';
INSERT INTO country_risks (country, risk, note)
    SELECT unnest(ARRAY['IR', 'KP', 'MM']), 'high', 'Sample, not an official list: countries with a call for action';

GRANT SELECT ON fx_rates, country_risks TO aurum_api, aurum_worker;

-- A lower risk is fewer approvers, so it takes a senior officer. The audit log keeps who, and what it was before.
CREATE FUNCTION country_risk_set(of_country text, to_risk text, why text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    before text;
BEGIN
    IF app.role() = 'customer' OR NOT app.may('wires:high_value') THEN
        RAISE EXCEPTION 'only senior officers rate countries' USING ERRCODE = 'AU130';
    END IF;
    SELECT risk INTO before FROM country_risks WHERE country = of_country FOR UPDATE;
    INSERT INTO country_risks (country, risk, note, updated_by, updated_at)
        VALUES (of_country, to_risk, why, app.user_id(), clock_timestamp())
        ON CONFLICT (country) DO UPDATE SET risk = excluded.risk, note = excluded.note,
            updated_by = excluded.updated_by, updated_at = excluded.updated_at;
    RETURN before;
END $$;
REVOKE EXECUTE ON FUNCTION country_risk_set(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION country_risk_set(text, text, text) TO aurum_api;
