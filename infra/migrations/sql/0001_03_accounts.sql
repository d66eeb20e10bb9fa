-- Customer accounts and the bank's own, in one table. Amounts are whole minor units; the decimal columns that people
-- read are computed when they are read. Balances are counted credit-positive: what the bank owes is positive, and an
-- asset of the bank (its account at a correspondent) is negative. They change in ledger_post and the hold functions only.
CREATE TABLE accounts (
    id                uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id           uuid REFERENCES users,
    account_number    text NOT NULL UNIQUE,
    account_type      text NOT NULL,
    purpose           text,
    currency          text NOT NULL,
    exponent          smallint NOT NULL,
    name              text NOT NULL DEFAULT '',
    status            text NOT NULL DEFAULT 'active',
    posted_minor      bigint NOT NULL DEFAULT 0,
    held_minor        bigint NOT NULL DEFAULT 0,
    -- The available balance never goes below this. NULL: one of the bank's own accounts, unchecked, whose postings
    -- are appended without touching this row, so that it is never a point of contention (design §3).
    floor_minor       bigint,
    version           bigint NOT NULL DEFAULT 0,
    balance           numeric GENERATED ALWAYS AS (round(posted_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    available_balance numeric GENERATED ALWAYS AS (round((posted_minor - held_minor) / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    held              numeric GENERATED ALWAYS AS (round(held_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    opened_at         timestamptz NOT NULL DEFAULT now(),
    closed_at         timestamptz,
    CONSTRAINT accounts_never_overdrawn CHECK (floor_minor IS NULL OR posted_minor - held_minor >= floor_minor),
    -- One constraint on purpose: PostgreSQL reads each one's text again in every statement that writes here, and with
    -- it the expressions of all generated columns. Ten of them cost a single posting more than the rest of it.
    CONSTRAINT accounts_well_formed CHECK (
        account_type IN ('checking', 'savings', 'investment', 'internal')
        AND status IN ('active', 'frozen', 'closed')
        AND currency ~ '^[A-Z]{3}$' AND exponent BETWEEN 0 AND 4 AND length(name) <= 80
        AND (account_type = 'internal') = (user_id IS NULL)
        AND (account_type = 'internal') = (purpose IS NOT NULL)
        AND (user_id IS NULL OR floor_minor IS NOT NULL)
        AND held_minor >= 0
        AND (status <> 'closed' OR (posted_minor = 0 AND held_minor = 0)))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX accounts_internal ON accounts (purpose, currency) WHERE user_id IS NULL;
CREATE INDEX accounts_unchecked ON accounts (id) WHERE floor_minor IS NULL;
CREATE INDEX accounts_user ON accounts (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE holds (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id   uuid NOT NULL REFERENCES accounts,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    owner_kind   text NOT NULL CHECK (owner_kind IN ('wire')),
    owner_id     uuid NOT NULL,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'captured', 'released')),
    placed_at    timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz,
    CONSTRAINT holds_one_for_each_owner UNIQUE (owner_kind, owner_id)
);
CREATE INDEX holds_open ON holds (account_id) WHERE status = 'open';

GRANT SELECT ON accounts, holds TO aurum_api, aurum_worker;
GRANT UPDATE (name) ON accounts TO aurum_api;
GRANT INSERT (id, user_id, account_number, account_type, currency, exponent, name, floor_minor) ON accounts TO aurum_api;
GRANT UPDATE (name, status, closed_at) ON accounts TO aurum_worker;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE holds ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON accounts TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON holds TO aurum_worker USING (true);
CREATE POLICY own ON accounts FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY own_change ON accounts FOR UPDATE TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY opening ON accounts FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND floor_minor = 0 AND posted_minor = 0 AND held_minor = 0);
CREATE POLICY staff ON accounts FOR SELECT TO aurum_api USING (app.may('accounts:read') AND app.role() <> 'customer');
CREATE POLICY own ON holds FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM accounts a WHERE a.id = holds.account_id));
