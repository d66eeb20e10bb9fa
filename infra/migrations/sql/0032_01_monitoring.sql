-- Transaction monitoring: rules as data, what they found, and the cases that officers close (decision 0039).
--
-- Nothing happens when a posting is made. A run looks at each account from the posting where the last one stopped
-- (`monitoring_horizons`), as the roll-up of flows does: the postings of an account are numbered without a gap and
-- committed in that order, so nothing is looked at twice, and nothing is left out.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- The rules in their versions (models/monitoring/rules.py). The newest published one decides about what is looked at from
-- then on; none is ever changed. One officer proposes, another one publishes.
CREATE TABLE monitoring_rulebooks (
    version      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rules        jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array' AND jsonb_array_length(rules) > 0),
    note         text NOT NULL CHECK (length(note) BETWEEN 1 AND 500),
    proposed_by  uuid REFERENCES users,
    proposed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_by uuid REFERENCES users,
    published_at timestamptz,
    CONSTRAINT monitoring_rulebooks_four_eyes CHECK (published_by <> proposed_by),
    -- What was shipped nobody proposed.
    CONSTRAINT monitoring_rulebooks_published
        CHECK ((published_at IS NULL) = (published_by IS NULL) OR proposed_by IS NULL)
);
COMMENT ON TABLE monitoring_rulebooks IS 'filled by migrations';

CREATE FUNCTION app.guard_rulebook() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.published_at IS NOT NULL
        OR to_jsonb(NEW) - ARRAY['published_by', 'published_at'] <> to_jsonb(OLD) - ARRAY['published_by', 'published_at'] THEN
        RAISE EXCEPTION 'version % of the rules is not changed', OLD.version USING ERRCODE = 'AU200';
    END IF;
    -- What was proposed before the present rules were published was not written with them in mind.
    PERFORM pg_advisory_xact_lock(7203033);
    IF EXISTS (SELECT FROM monitoring_rulebooks b WHERE b.version > NEW.version AND b.published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a later version than % of the rules was published', NEW.version USING ERRCODE = 'AU201';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER monitoring_rulebooks_guard BEFORE UPDATE OR DELETE ON monitoring_rulebooks
    FOR EACH ROW EXECUTE FUNCTION app.guard_rulebook();

CREATE TABLE monitoring_horizons (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version    bigint NOT NULL CHECK (version > 0),
    looked_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
-- What was booked before there was monitoring raises no alert; it counts as the past of what comes after.
INSERT INTO monitoring_horizons (account_id, version)
    SELECT id, version FROM accounts WHERE user_id IS NOT NULL AND version > 0;

-- One open case for a customer, into which every further alert goes.
CREATE TABLE monitoring_cases (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    customer_id  uuid NOT NULL REFERENCES users,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'explained', 'escalated')),
    -- How many alerts it has: a decision names the number that it was made with.
    alerts       integer NOT NULL CHECK (alerts > 0),
    two_people   boolean NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL,
    assignee_id  uuid REFERENCES users,
    claimed_at   timestamptz,
    -- How often it was explained: a confirmation names the explanation that it was given.
    proposal     integer NOT NULL DEFAULT 0,
    reason       text CHECK (length(reason) BETWEEN 3 AND 2000),
    proposed_by  uuid REFERENCES users,
    proposed_at  timestamptz,
    -- Until when the same rules say nothing about the same accounts, once it is explained.
    snooze_until timestamptz,
    ended_by     uuid REFERENCES users,
    ended_at     timestamptz,
    UNIQUE (id, customer_id),
    CONSTRAINT monitoring_cases_of_others CHECK (customer_id <> assignee_id AND customer_id <> proposed_by
        AND customer_id <> ended_by),
    CONSTRAINT monitoring_cases_proposed CHECK (num_nulls(proposed_by, proposed_at, reason) IN (0, 3)),
    CONSTRAINT monitoring_cases_ended CHECK ((status = 'open') = (ended_at IS NULL) AND num_nulls(ended_by, ended_at) IN (0, 2)),
    CONSTRAINT monitoring_cases_four_eyes CHECK (status <> 'explained'
        OR proposed_by IS NOT NULL AND (ended_by <> proposed_by OR NOT two_people))
);
CREATE UNIQUE INDEX monitoring_cases_open ON monitoring_cases (customer_id) WHERE status = 'open';
CREATE INDEX monitoring_cases_due ON monitoring_cases (due_at, id) WHERE status = 'open';
CREATE INDEX monitoring_cases_ended ON monitoring_cases (status, id) WHERE status <> 'open';

CREATE TABLE monitoring_alerts (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    -- Set in the transaction that found it.
    case_id         uuid,
    customer_id     uuid NOT NULL REFERENCES users,
    account_id      uuid NOT NULL REFERENCES accounts,
    account_number  text NOT NULL,
    currency        text NOT NULL,
    rulebook        integer NOT NULL REFERENCES monitoring_rulebooks,
    rule            text NOT NULL,
    two_people      boolean NOT NULL,
    -- The posting with which it came about, and since when those that count with it were looked at.
    account_version bigint NOT NULL,
    happened_at     timestamptz NOT NULL,
    begins_at       timestamptz NOT NULL,
    silent_until    timestamptz NOT NULL CHECK (silent_until > happened_at),
    movements       bigint NOT NULL CHECK (movements > 0),
    amount_minor    bigint NOT NULL,
    -- Of an account that was dormant: when it moved last before.
    last_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (case_id, customer_id) REFERENCES monitoring_cases (id, customer_id),
    -- Once for a rule, an account and a window, whoever runs what how often.
    CONSTRAINT monitoring_alerts_once
        EXCLUDE USING gist (account_id WITH =, rule WITH =, tstzrange(happened_at, silent_until) WITH &&)
);
CREATE INDEX monitoring_alerts_loose ON monitoring_alerts (customer_id) WHERE case_id IS NULL;
CREATE INDEX monitoring_alerts_case ON monitoring_alerts (case_id);

-- The newest of the transactions that an alert counts, as they were then.
CREATE TABLE monitoring_evidence (
    alert_id         uuid NOT NULL REFERENCES monitoring_alerts,
    account_version  bigint NOT NULL,
    customer_id      uuid NOT NULL REFERENCES users,
    transaction_id   uuid NOT NULL REFERENCES transactions,
    transaction_type text NOT NULL,
    description      text NOT NULL,
    amount_minor     bigint NOT NULL,
    moved_at         timestamptz NOT NULL,
    PRIMARY KEY (alert_id, account_version)
);

-- Rules that say nothing about an account for a while, because the same was explained. It always ends.
CREATE TABLE monitoring_snoozes (
    account_id  uuid NOT NULL REFERENCES accounts,
    rule        text NOT NULL,
    until       timestamptz NOT NULL,
    customer_id uuid NOT NULL REFERENCES users,
    case_id     uuid NOT NULL REFERENCES monitoring_cases,
    PRIMARY KEY (account_id, rule, case_id)
);

CREATE TABLE monitoring_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    event       text NOT NULL CHECK (event IN ('alerted', 'claimed', 'given_back', 'commented', 'proposed', 'explained')),
    officer_id  uuid REFERENCES users,
    body        text NOT NULL DEFAULT '' CHECK (length(body) <= 2000),
    FOREIGN KEY (case_id, customer_id) REFERENCES monitoring_cases (id, customer_id)
);
CREATE INDEX monitoring_events_case ON monitoring_events (case_id, id);

ALTER TABLE kyc_suspicions ADD COLUMN monitoring_case_id uuid REFERENCES monitoring_cases;
CREATE INDEX kyc_suspicions_monitoring ON kyc_suspicions (monitoring_case_id) WHERE monitoring_case_id IS NOT NULL;

CREATE FUNCTION app.guard_monitoring_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'open'
        OR (NEW.id, NEW.customer_id, NEW.opened_at, NEW.due_at) <> (OLD.id, OLD.customer_id, OLD.opened_at, OLD.due_at)
        OR NEW.alerts < OLD.alerts OR OLD.two_people AND NOT NEW.two_people THEN
        RAISE EXCEPTION 'monitoring case % is not changed so', OLD.id USING ERRCODE = 'AU202';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER monitoring_cases_guard BEFORE UPDATE OR DELETE ON monitoring_cases
    FOR EACH ROW EXECUTE FUNCTION app.guard_monitoring_case();

CREATE FUNCTION app.guard_monitoring_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.case_id IS NOT NULL OR to_jsonb(NEW) - 'case_id' <> to_jsonb(OLD) - 'case_id' THEN
        RAISE EXCEPTION 'alert % is not changed', OLD.id USING ERRCODE = 'AU202';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER monitoring_alerts_guard BEFORE UPDATE OR DELETE ON monitoring_alerts
    FOR EACH ROW EXECUTE FUNCTION app.guard_monitoring_alert();
DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['monitoring_evidence', 'monitoring_snoozes', 'monitoring_events'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION app.refuse_change()',
                       kept || '_append_only', kept);
    END LOOP;
END $$;
