-- Recipients that customers have saved. Of the account number only a sealed value is kept (infra/crypto.py), and a keyed
-- fingerprint that says whether two are the same (models/beneficiaries.py). Deleted ones stay: the record of whom a
-- customer trusted, and when, outlives the trust.
CREATE TABLE beneficiaries (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id        uuid NOT NULL REFERENCES users,
    name           text NOT NULL,
    bank_name      text NOT NULL DEFAULT '',
    bank_swift     text,
    routing_number text,
    account_sealed bytea NOT NULL CHECK (octet_length(account_sealed) BETWEEN 32 AND 1024),
    fingerprint    bytea NOT NULL CHECK (length(fingerprint) = 32),
    address        jsonb,
    country        text NOT NULL,
    -- The end of the cooling time; until then a recipient counts as new (reference/banking.md §6.6).
    known_from     timestamptz NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    CONSTRAINT beneficiaries_has_one_bank CHECK (num_nonnulls(bank_swift, routing_number) = 1)
);
CREATE UNIQUE INDEX beneficiaries_once ON beneficiaries (user_id, fingerprint) WHERE deleted_at IS NULL;

GRANT SELECT ON beneficiaries TO aurum_api;
GRANT INSERT (id, user_id, name, bank_name, bank_swift, routing_number, account_sealed, fingerprint, address, country,
              known_from) ON beneficiaries TO aurum_api;
GRANT UPDATE (deleted_at) ON beneficiaries TO aurum_api;
-- The processes ask whether a recipient is known, and never whose account it is.
GRANT SELECT (id, user_id, fingerprint, known_from, deleted_at) ON beneficiaries TO aurum_worker;
ALTER TABLE beneficiaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON beneficiaries FOR SELECT TO aurum_worker USING (true);
CREATE POLICY own ON beneficiaries TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());

-- Whether a customer has paid a recipient before is asked for each wire.
CREATE INDEX wire_transfers_recipient ON wire_transfers (user_id, recipient_account_number) WHERE status = 'completed';
