-- A challenge is signed and given out without a row. Its row appears with the first answer to it, counts the answers,
-- and says when it was used up; after its time it is cleaned away.
CREATE TABLE challenge_uses (
    nonce      bytea PRIMARY KEY CHECK (length(nonce) = 16),
    user_id    uuid NOT NULL REFERENCES users,
    attempts   integer NOT NULL DEFAULT 1,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX challenge_uses_expiry ON challenge_uses (expires_at);
GRANT SELECT, INSERT (nonce, user_id, expires_at), UPDATE (attempts, used_at) ON challenge_uses TO aurum_api;
GRANT SELECT, UPDATE, DELETE ON challenge_uses TO aurum_worker;
ALTER TABLE challenge_uses ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON challenge_uses TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON challenge_uses TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());

-- Wrong codes in a row, and the last of them: the next guess has to wait the longer, the more there were.
ALTER TABLE totp_factors
    ADD COLUMN wrong_codes integer NOT NULL DEFAULT 0 CHECK (wrong_codes >= 0),
    ADD COLUMN wrong_code_at timestamptz;
GRANT UPDATE (wrong_codes, wrong_code_at) ON totp_factors TO aurum_api;

-- A new address counts once its own mail was answered.
ALTER TABLE email_tokens
    DROP CONSTRAINT email_tokens_purpose_check,
    ADD CONSTRAINT email_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
    ADD COLUMN new_email text CHECK (length(new_email) <= 254),
    ADD CONSTRAINT email_tokens_new_email CHECK ((purpose = 'change_email') = (new_email IS NOT NULL));
CREATE INDEX email_tokens_user ON email_tokens (user_id) WHERE used_at IS NULL;
GRANT UPDATE (email) ON users TO aurum_api;

-- A mail may go to another address than its person's own (to_email), and may tell a secret, which stands here sealed
-- and only until it is sent.
ALTER TABLE notifications
    ADD COLUMN to_email text CHECK (length(to_email) <= 254),
    ADD COLUMN secret_sealed bytea CHECK (octet_length(secret_sealed) BETWEEN 32 AND 1024);
GRANT UPDATE (secret_sealed) ON notifications TO aurum_worker;
