-- What customers have used of their limits. A row is written in the transaction that moves the money, under the lock on
-- the person, and is of no more use once the longest window (30 days) has gone by.
CREATE TABLE limit_uses (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id        uuid NOT NULL REFERENCES users,
    family         text NOT NULL CHECK (family IN ('transfer', 'payment', 'wire')),
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    transaction_id uuid NOT NULL,
    at             timestamptz NOT NULL
);
CREATE INDEX limit_uses_window ON limit_uses (user_id, family, currency, at) INCLUDE (amount_minor);
CREATE TRIGGER limit_uses_unchanged BEFORE UPDATE ON limit_uses FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT, INSERT ON limit_uses TO aurum_api, aurum_worker;
GRANT DELETE ON limit_uses TO aurum_worker;
ALTER TABLE limit_uses ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON limit_uses TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON limit_uses TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
