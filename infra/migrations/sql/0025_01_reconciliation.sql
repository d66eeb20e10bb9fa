-- The bank's statements of our accounts there, as they came, and what each of their entries was matched with.
CREATE TABLE bank_statements (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    message_id    uuid NOT NULL REFERENCES bank_messages,
    -- Our account as the bank names it, and how it names the statement.
    account       text NOT NULL,
    statement_id  text NOT NULL,
    -- ElctrncSeqNb, or LglSeqNb. Banks begin anew with 1 every year.
    sequence      bigint,
    currency      text NOT NULL,
    day           date NOT NULL,
    -- Above zero where the bank owes us, as in every statement entry.
    opening_minor bigint,
    closing_minor bigint,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When its balances and number were looked at, which never change; its entries are looked at until they are matched.
    checked_at    timestamptz,
    UNIQUE (account, statement_id)
);
CREATE UNIQUE INDEX bank_statements_sequence ON bank_statements (account, (extract(year FROM day)), sequence);
CREATE INDEX bank_statements_newest ON bank_statements (account, day DESC, sequence DESC);
CREATE INDEX bank_statements_message ON bank_statements (message_id);

CREATE TABLE bank_statement_entries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    statement_id   uuid NOT NULL REFERENCES bank_statements,
    position       integer NOT NULL,
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL,
    booked         boolean NOT NULL,
    booked_on      date,
    value_on       date,
    end_to_end_id  text,
    uetr           uuid,
    bank_reference text,
    -- The posting of ours that it is.
    transaction_id uuid,
    leg            smallint,
    matched_by     text CHECK (matched_by IN ('reference', 'value_date')),
    matched_at     timestamptz,
    UNIQUE (statement_id, position),
    -- One entry of theirs is one posting of ours, ever.
    UNIQUE (transaction_id, leg),
    CONSTRAINT bank_statement_entries_matched CHECK (
        num_nulls(transaction_id, leg, matched_by, matched_at) IN (0, 4) AND (booked OR transaction_id IS NULL))
);
CREATE INDEX bank_statement_entries_loose ON bank_statement_entries (statement_id) WHERE transaction_id IS NULL AND booked;
CREATE INDEX bank_statement_entries_reference ON bank_statement_entries (bank_reference) WHERE bank_reference IS NOT NULL;
CREATE INDEX bank_statement_entries_payment ON bank_statement_entries (end_to_end_id) WHERE end_to_end_id IS NOT NULL;

-- What we booked on a nostro account, from the side of the bank, with the references by which it writes of it.
CREATE TABLE nostro_items (
    transaction_id uuid NOT NULL,
    leg            smallint NOT NULL,
    account        text NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL,
    value_on       date NOT NULL,
    booked_at      timestamptz NOT NULL,
    end_to_end_id  text,
    uetr           uuid,
    matched        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (transaction_id, leg)
);
CREATE INDEX nostro_items_newest ON nostro_items (account, booked_at DESC);
-- Postings come in the order of their time, so this costs next to nothing, and what is new is found by it.
CREATE INDEX postings_by_time ON postings USING brin (created_at) WITH (pages_per_range = 32);
CREATE INDEX nostro_items_loose ON nostro_items (account, value_on) WHERE NOT matched;

-- What a match says once, it says for ever: both sides are changed by it alone.
CREATE FUNCTION app.guard_statement_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.transaction_id IS NOT NULL
        OR to_jsonb(NEW) - ARRAY['transaction_id', 'leg', 'matched_by', 'matched_at']
           <> to_jsonb(OLD) - ARRAY['transaction_id', 'leg', 'matched_by', 'matched_at'] THEN
        RAISE EXCEPTION 'an entry of a statement is not changed' USING ERRCODE = 'AU190';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_statement_entries_guard BEFORE UPDATE OR DELETE ON bank_statement_entries
    FOR EACH ROW EXECUTE FUNCTION app.guard_statement_entry();
CREATE TRIGGER bank_statements_no_delete BEFORE DELETE ON bank_statements FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Where the bank's books and ours differ.
CREATE TABLE reconciliation_breaks (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    -- What it is about, so that it is found once.
    subject        text NOT NULL UNIQUE,
    kind           text NOT NULL CHECK (kind IN ('not_in_ours', 'not_in_theirs', 'amount_differs', 'duplicate',
                       'balance_gap', 'opening_gap', 'missing_statement', 'unknown_account')),
    account        text NOT NULL,
    currency       text NOT NULL,
    -- The day it is about in the bank's books or ours; its age is counted from there.
    day            date NOT NULL,
    theirs_minor   bigint,
    ours_minor     bigint,
    detail         text NOT NULL CHECK (length(detail) <= 500),
    statement_id   uuid REFERENCES bank_statements,
    entry_id       bigint REFERENCES bank_statement_entries,
    transaction_id uuid REFERENCES transactions,
    -- Decided when it is found, from its amount.
    two_people     boolean NOT NULL,
    status         text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'explained', 'closed')),
    -- How often it was explained: a confirmation names the explanation that it was given.
    proposal       integer NOT NULL DEFAULT 0,
    reason         text CHECK (length(reason) BETWEEN 3 AND 500),
    proposed_by    uuid REFERENCES users,
    proposed_at    timestamptz,
    confirmed_by   uuid REFERENCES users,
    ended_at       timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reconciliation_breaks_four_eyes CHECK (confirmed_by <> proposed_by),
    CONSTRAINT reconciliation_breaks_explained CHECK (status <> 'explained'
        OR proposed_by IS NOT NULL AND reason IS NOT NULL AND (confirmed_by IS NOT NULL OR NOT two_people)),
    CONSTRAINT reconciliation_breaks_proposed CHECK (num_nulls(proposed_by, proposed_at, reason) IN (0, 3)
        AND (proposed_by IS NULL) = (proposal = 0)),
    CONSTRAINT reconciliation_breaks_ended CHECK ((ended_at IS NULL) = (status = 'open'))
);
CREATE INDEX reconciliation_breaks_open ON reconciliation_breaks (account, day) WHERE status = 'open';

-- People explain and confirm what is open, in their own name; the process closes what has found its other side since.
CREATE FUNCTION app.guard_break() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    own_columns constant text[] := ARRAY['status', 'proposal', 'reason', 'proposed_by', 'proposed_at', 'confirmed_by',
                                         'ended_at'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - own_columns <> to_jsonb(OLD) - own_columns THEN
        RAISE EXCEPTION 'what break % is about is not changed', OLD.id USING ERRCODE = 'AU191';
    END IF;
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'break % is %', OLD.id, OLD.status USING ERRCODE = 'AU192';
    END IF;
    IF session_user = 'aurum_api' THEN
        IF NEW.status = 'closed'
            OR NEW.proposal = OLD.proposal AND (NEW.proposed_by, NEW.reason) IS DISTINCT FROM (OLD.proposed_by, OLD.reason)
            OR NEW.proposal <> OLD.proposal AND (NEW.proposed_by IS DISTINCT FROM app.user_id()
                OR NEW.confirmed_by IS NOT NULL OR NEW.proposal <> OLD.proposal + 1)
            OR NEW.confirmed_by IS NOT NULL AND NEW.confirmed_by <> app.user_id() THEN
            RAISE EXCEPTION 'break % is not explained so', OLD.id USING ERRCODE = 'AU193';
        END IF;
    ELSIF session_user = 'aurum_worker' AND (NEW.status, NEW.proposal, NEW.confirmed_by)
            IS DISTINCT FROM ('closed', OLD.proposal, OLD.confirmed_by) THEN
        RAISE EXCEPTION 'a process closes break % and does nothing else', OLD.id USING ERRCODE = 'AU193';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reconciliation_breaks_guard BEFORE UPDATE OR DELETE ON reconciliation_breaks
    FOR EACH ROW EXECUTE FUNCTION app.guard_break();

GRANT SELECT ON bank_statements, bank_statement_entries, nostro_items, reconciliation_breaks TO aurum_api, aurum_worker;
GRANT INSERT ON bank_statements, bank_statement_entries, nostro_items, reconciliation_breaks TO aurum_worker;
GRANT UPDATE (checked_at) ON bank_statements TO aurum_worker;
GRANT UPDATE (transaction_id, leg, matched_by, matched_at) ON bank_statement_entries TO aurum_worker;
GRANT UPDATE (matched) ON nostro_items TO aurum_worker;
GRANT UPDATE (status, ended_at) ON reconciliation_breaks TO aurum_worker;
GRANT UPDATE (status, proposal, reason, proposed_by, proposed_at, confirmed_by, ended_at) ON reconciliation_breaks TO aurum_api;
ALTER TABLE bank_statements ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_statement_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE nostro_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciliation_breaks ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON bank_statements TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON bank_statement_entries TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON nostro_items TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON reconciliation_breaks TO aurum_worker USING (true) WITH CHECK (true);

CREATE FUNCTION app.watches_reconciliation() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT app.role() NOT IN ('', 'customer', 'authenticator') AND (app.may('admin:system') OR app.may('admin:reports'))
$$;
CREATE POLICY staff ON bank_statements FOR SELECT TO aurum_api USING (app.watches_reconciliation());
CREATE POLICY staff ON bank_statement_entries FOR SELECT TO aurum_api USING (app.watches_reconciliation());
CREATE POLICY staff ON nostro_items FOR SELECT TO aurum_api USING (app.watches_reconciliation());
CREATE POLICY staff ON reconciliation_breaks FOR SELECT TO aurum_api USING (app.watches_reconciliation());
CREATE POLICY explained ON reconciliation_breaks FOR UPDATE TO aurum_api
    USING (app.watches_reconciliation() AND app.may('admin:system'))
    WITH CHECK (app.watches_reconciliation() AND app.may('admin:system'));
