CREATE TABLE users (
    id                uuid PRIMARY KEY DEFAULT uuidv7(),
    clerk_user_id     text UNIQUE,
    email             text NOT NULL CHECK (length(email) <= 254),
    email_verified_at timestamptz,
    password_hash     text,
    first_name        text NOT NULL DEFAULT '',
    last_name         text NOT NULL DEFAULT '',
    phone             text,
    date_of_birth     date,
    address           jsonb,
    role              text NOT NULL DEFAULT 'customer' CHECK (role IN ('customer', 'admin', 'super_admin')),
    preset            text,
    permissions       text[] NOT NULL DEFAULT '{}',
    tier              text NOT NULL DEFAULT 'standard' CHECK (tier IN ('standard', 'premium', 'private')),
    kyc_status        text NOT NULL DEFAULT 'not_started'
        CHECK (kyc_status IN ('not_started', 'pending', 'submitted', 'in_review', 'info_requested', 'approved',
                              'rejected', 'expired')),
    risk_level        text NOT NULL DEFAULT 'low' CHECK (risk_level IN ('low', 'medium', 'high')),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'frozen')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE sessions (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id        uuid NOT NULL REFERENCES users,
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz NOT NULL DEFAULT now(),
    auth_time      timestamptz NOT NULL DEFAULT now(),
    amr            text[] NOT NULL DEFAULT '{pwd}',
    ip_address     text,
    user_agent     text,
    revoked_at     timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;

-- Opaque tokens, of which only a SHA-256 is kept.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE email_tokens (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id    uuid NOT NULL REFERENCES users,
    purpose    text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

GRANT SELECT, INSERT ON users, sessions, refresh_tokens, email_tokens TO aurum_api;
-- No role, permission, tier or KYC state: those columns are changed by the processes alone.
GRANT UPDATE (email_verified_at, password_hash, first_name, last_name, phone, date_of_birth, address, updated_at)
    ON users TO aurum_api;
GRANT UPDATE (last_seen_at, auth_time, amr, revoked_at, revoked_reason) ON sessions TO aurum_api;
GRANT UPDATE (used_at) ON refresh_tokens, email_tokens TO aurum_api;
GRANT SELECT, UPDATE ON users TO aurum_worker;
GRANT SELECT, UPDATE, DELETE ON sessions, refresh_tokens, email_tokens TO aurum_worker;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE email_tokens ENABLE ROW LEVEL SECURITY;

CREATE POLICY worker ON users TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sessions TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON refresh_tokens TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON email_tokens TO aurum_worker USING (true) WITH CHECK (true);

CREATE POLICY own ON users FOR SELECT TO aurum_api USING (id = app.user_id() OR app.signing_in());
CREATE POLICY own_change ON users FOR UPDATE TO aurum_api
    USING (id = app.user_id() OR app.signing_in()) WITH CHECK (id = app.user_id() OR app.signing_in());
CREATE POLICY staff ON users FOR SELECT TO aurum_api
    USING (app.may('admin:users') OR app.may('admin:compliance') OR app.may('wires:approve') OR app.may('admin:reports'));
-- Registration makes customers and nothing else, whatever the code asks for.
CREATE POLICY registration ON users FOR INSERT TO aurum_api
    WITH CHECK (app.signing_in() AND role = 'customer' AND preset IS NULL AND permissions = '{}'
                AND tier = 'standard' AND kyc_status = 'not_started');
CREATE POLICY own ON sessions TO aurum_api
    USING (user_id = app.user_id() OR app.signing_in()) WITH CHECK (user_id = app.user_id() OR app.signing_in());
CREATE POLICY sign_in ON refresh_tokens TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
CREATE POLICY sign_in ON email_tokens TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
