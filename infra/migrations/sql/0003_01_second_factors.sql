-- Sealed values (infra/crypto.py): AES-256-GCM, bound to their row. What a dump shows of them is noise.
ALTER TABLE users ADD COLUMN tax_id_sealed bytea CHECK (octet_length(tax_id_sealed) BETWEEN 32 AND 1024);
GRANT UPDATE (tax_id_sealed) ON users TO aurum_api;

CREATE TABLE totp_factors (
    user_id        uuid PRIMARY KEY REFERENCES users,
    seed_sealed    bytea NOT NULL CHECK (octet_length(seed_sealed) BETWEEN 32 AND 1024),
    enabled_at     timestamptz,
    -- The last 30-second step whose code was taken: a code is taken only if its step is later, by one UPDATE.
    last_used_step bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- Of a code only a 256-bit hash is kept.
CREATE TABLE recovery_codes (
    user_id    uuid NOT NULL REFERENCES users,
    code_hash  bytea NOT NULL CHECK (length(code_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    PRIMARY KEY (user_id, code_hash)
);

GRANT SELECT, DELETE ON totp_factors, recovery_codes TO aurum_api;
GRANT INSERT (user_id, seed_sealed) ON totp_factors TO aurum_api;
GRANT UPDATE (seed_sealed, enabled_at, last_used_step, created_at) ON totp_factors TO aurum_api;
GRANT INSERT (user_id, code_hash) ON recovery_codes TO aurum_api;
GRANT UPDATE (used_at) ON recovery_codes TO aurum_api;
-- The processes see that somebody has a second factor, and take it away when operations reset it. Never the seed.
GRANT SELECT (user_id, enabled_at, created_at), DELETE ON totp_factors TO aurum_worker;
GRANT SELECT (user_id, used_at, created_at), DELETE ON recovery_codes TO aurum_worker;

ALTER TABLE totp_factors ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON totp_factors TO aurum_worker USING (true);
CREATE POLICY worker ON recovery_codes TO aurum_worker USING (true);
-- Signing in reads a factor and uses it up; to set one up or take it away one has to be signed in.
CREATE POLICY own ON totp_factors TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY own ON recovery_codes TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY sign_in ON totp_factors FOR SELECT TO aurum_api USING (app.signing_in());
CREATE POLICY sign_in_use ON totp_factors FOR UPDATE TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
CREATE POLICY sign_in ON recovery_codes FOR SELECT TO aurum_api USING (app.signing_in());
CREATE POLICY sign_in_use ON recovery_codes FOR UPDATE TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
