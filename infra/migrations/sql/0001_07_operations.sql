-- Who did what, from where, with which outcome; refused attempts too. Written in the transaction of the change.
CREATE TABLE audit_logs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id       uuid,
    actor_role    text NOT NULL DEFAULT '',
    action        text NOT NULL,
    resource_type text NOT NULL DEFAULT '',
    resource_id   text NOT NULL DEFAULT '',
    old_values    jsonb,
    new_values    jsonb,
    ip_address    text,
    user_agent    text,
    session_id    uuid,
    request_id    text,
    duration_ms   numeric,
    outcome       text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    code          text
);
CREATE INDEX audit_logs_resource ON audit_logs (resource_type, resource_id);
CREATE INDEX audit_logs_user ON audit_logs (user_id, at DESC);
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs EXECUTE FUNCTION app.refuse_change();

-- What has to reach Temporal: "see that this process runs, and wake it". Written with the change that it follows from.
CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow        text NOT NULL,
    workflow_id     text NOT NULL,
    argument        jsonb NOT NULL,
    summary         text NOT NULL DEFAULT '',
    request_id      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    dispatched_at   timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error      text
);
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE dispatched_at IS NULL;

-- What a customer is told. The key names the occasion, so that it is told once.
CREATE TABLE notifications (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id    uuid NOT NULL REFERENCES users,
    key        text NOT NULL UNIQUE,
    event      text NOT NULL,
    subject    text NOT NULL,
    body       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);
CREATE INDEX notifications_user ON notifications (user_id, created_at DESC);

-- The first answer to each idempotency key (contract §1).
CREATE TABLE idempotency_keys (
    user_id      uuid NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    route        text NOT NULL,
    request_hash bytea NOT NULL,
    status       integer,
    answer       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

GRANT INSERT ON audit_logs TO aurum_api, aurum_worker;
GRANT SELECT ON audit_logs TO aurum_api, aurum_worker;
GRANT SELECT, INSERT ON outbox, notifications TO aurum_api, aurum_worker;
GRANT UPDATE (dispatched_at, attempts, next_attempt_at, last_error) ON outbox TO aurum_api, aurum_worker;
GRANT UPDATE (sent_at) ON notifications TO aurum_worker;
GRANT SELECT, INSERT, UPDATE (status, answer) ON idempotency_keys TO aurum_api;
GRANT SELECT, DELETE ON idempotency_keys TO aurum_worker;

ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON audit_logs TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON notifications TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON idempotency_keys TO aurum_worker USING (true);
CREATE POLICY told ON audit_logs FOR INSERT TO aurum_api WITH CHECK (user_id IS NOT DISTINCT FROM app.user_id());
CREATE POLICY staff ON audit_logs FOR SELECT TO aurum_api
    USING (app.may('admin:reports') OR app.may('admin:system') OR app.may('admin:compliance'));
CREATE POLICY own ON notifications FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY sign_in ON notifications FOR INSERT TO aurum_api WITH CHECK (app.signing_in() OR user_id = app.user_id());
CREATE POLICY own ON idempotency_keys TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
