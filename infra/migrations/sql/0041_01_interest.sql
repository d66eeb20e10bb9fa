-- What the bank pays in interest has an account of its own.
CREATE OR REPLACE FUNCTION ledger_internal_account(wanted_purpose text, wanted_currency text, wanted_exponent smallint) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    found uuid;
BEGIN
    SELECT a.id INTO found FROM accounts a
        WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
    IF found IS NULL THEN
        IF wanted_purpose NOT IN ('nostro', 'fees', 'opening', 'blocked', 'suspense', 'clearing', 'correspondent_charges', 'interest') THEN
            RAISE EXCEPTION 'the bank keeps no account for %', wanted_purpose USING ERRCODE = 'AU104';
        END IF;
        INSERT INTO accounts (account_number, account_type, purpose, currency, exponent, name)
            VALUES ('AURUM-' || upper(wanted_purpose) || '-' || wanted_currency, 'internal', wanted_purpose,
                    wanted_currency, wanted_exponent, initcap(replace(wanted_purpose, '_', ' ')) || ' ' || wanted_currency)
            ON CONFLICT DO NOTHING RETURNING id INTO found;
        IF found IS NULL THEN -- another transaction opened it, and has committed by now
            SELECT a.id INTO found FROM accounts a
                WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
        END IF;
    END IF;
    RETURN found;
END $$;

-- What blocked property of a currency earns a year, in millionths, from a day on (31 CFR 597.203: what other depositors are
-- offered). The bank's own to publish; the newest one for a day counts. Days before the first have the first.
CREATE TABLE blocked_interest_rates (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    from_day     date NOT NULL,
    millionths   integer NOT NULL CHECK (millionths BETWEEN 0 AND 1000000),
    note         text NOT NULL CHECK (length(btrim(note)) BETWEEN 3 AND 500),
    published_by text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX blocked_interest_rates_of ON blocked_interest_rates (currency, from_day, id DESC);

CREATE FUNCTION app.blocked_rate(of_currency text, on_day date) RETURNS integer
    LANGUAGE sql STABLE SET search_path = public, app, pg_temp
    RETURN coalesce(
        (SELECT r.millionths FROM blocked_interest_rates r WHERE r.currency = of_currency AND r.from_day <= on_day
            ORDER BY r.from_day DESC, r.id DESC LIMIT 1),
        (SELECT r.millionths FROM blocked_interest_rates r WHERE r.currency = of_currency
            ORDER BY r.from_day, r.id DESC LIMIT 1));

-- The interest of each property, stretch after stretch without a gap: what bore it, what it earned, what of that was
-- booked, and what is carried. A part is what one minor unit earns a day at a millionth; 360,000,000 are a minor unit
-- (models/wires/interest.py). Nothing is booked where it is less.
CREATE TABLE blocked_interest (
    wire_id        uuid NOT NULL REFERENCES blocked_property,
    maker_id       uuid NOT NULL,
    from_day       date NOT NULL,
    to_day         date NOT NULL,
    base_minor     bigint NOT NULL,
    carried_parts  integer NOT NULL,
    earned_parts   numeric NOT NULL,
    amount_minor   bigint NOT NULL,
    left_parts     integer NOT NULL CHECK (left_parts BETWEEN 0 AND 359999999),
    transaction_id uuid UNIQUE REFERENCES transactions,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (wire_id, from_day),
    CONSTRAINT blocked_interest_days CHECK (to_day > from_day),
    CONSTRAINT blocked_interest_exact
        CHECK (amount_minor::numeric * 360000000 + left_parts = carried_parts + earned_parts AND amount_minor >= 0),
    CONSTRAINT blocked_interest_booked CHECK ((transaction_id IS NULL) = (amount_minor = 0))
);

-- A rate is not published for days whose interest is counted; while one is published none is counted.
CREATE FUNCTION app.guard_blocked_rate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('blocked_interest/rates', 0));
    IF EXISTS (SELECT FROM blocked_interest i JOIN blocked_property p ON p.wire_id = i.wire_id
               WHERE p.currency = NEW.currency AND i.to_day > NEW.from_day) THEN
        RAISE EXCEPTION 'interest in % is booked for days from % on', NEW.currency, NEW.from_day USING ERRCODE = 'AU194';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER blocked_interest_rates_guard BEFORE INSERT ON blocked_interest_rates
    FOR EACH ROW EXECUTE FUNCTION app.guard_blocked_rate();
CREATE TRIGGER blocked_interest_rates_append_only BEFORE UPDATE OR DELETE ON blocked_interest_rates
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- The database counts again: each stretch begins where the one before ended, bears on what is there, and earned what the
-- rates of its days say; and the entry is of that amount.
CREATE FUNCTION app.guard_blocked_interest() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    held   blocked_property%ROWTYPE;
    before blocked_interest%ROWTYPE;
    paid   bigint;
    earned numeric;
BEGIN
    SELECT * INTO held FROM blocked_property p WHERE p.wire_id = NEW.wire_id FOR UPDATE;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('blocked_interest/rates', 0));
    SELECT * INTO before FROM blocked_interest i WHERE i.wire_id = NEW.wire_id ORDER BY i.from_day DESC LIMIT 1;
    SELECT coalesce(sum(i.amount_minor), 0) INTO paid FROM blocked_interest i WHERE i.wire_id = NEW.wire_id;
    SELECT sum(NEW.base_minor::numeric * app.blocked_rate(held.currency, day::date)) INTO earned
        FROM generate_series(NEW.from_day, NEW.to_day - 1, interval '1 day') day;
    IF held.released_at IS NOT NULL OR NEW.maker_id <> held.maker_id
        OR NEW.from_day <> coalesce(before.to_day, (held.blocked_at AT TIME ZONE 'UTC')::date)
        OR NEW.base_minor <> held.amount_minor + paid OR NEW.carried_parts <> coalesce(before.left_parts, 0)
        OR NEW.earned_parts IS DISTINCT FROM earned
        OR NEW.transaction_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM transactions t WHERE t.id = NEW.transaction_id AND t.amount_minor = NEW.amount_minor
                AND t.currency = held.currency AND t.idempotency_key = 'wire/' || NEW.wire_id || '/interest/' || NEW.to_day) THEN
        RAISE EXCEPTION 'this is not what property of wire % earned from % to %', NEW.wire_id, NEW.from_day, NEW.to_day
            USING ERRCODE = 'AU195';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER blocked_interest_guard BEFORE INSERT ON blocked_interest
    FOR EACH ROW EXECUTE FUNCTION app.guard_blocked_interest();
CREATE TRIGGER blocked_interest_append_only BEFORE UPDATE OR DELETE ON blocked_interest
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Property does not leave without the interest of all of its days.
CREATE FUNCTION app.guard_blocked_release() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF coalesce((SELECT max(i.to_day) FROM blocked_interest i WHERE i.wire_id = NEW.wire_id),
                (NEW.blocked_at AT TIME ZONE 'UTC')::date) < (NEW.released_at AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'the interest on property of wire % is not booked up to its release', NEW.wire_id
            USING ERRCODE = 'AU196';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER blocked_property_release BEFORE UPDATE OF released_at ON blocked_property
    FOR EACH ROW WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL)
    EXECUTE FUNCTION app.guard_blocked_release();

GRANT SELECT ON blocked_interest_rates, blocked_interest TO aurum_api, aurum_worker;
GRANT INSERT ON blocked_interest TO aurum_worker;
ALTER TABLE blocked_interest ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON blocked_interest TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON blocked_interest FOR SELECT TO aurum_api
    USING (((SELECT app.may('admin:compliance')) OR (SELECT app.may('admin:reports'))) AND app.role() <> 'customer'
           AND maker_id <> app.user_id());
