-- What is told over sockets (contract §9): a row for each thing that somebody may be told of as it happens. Triggers write
-- it in the transaction of what happened, so that nothing is told that was not committed, and nothing committed is left out.
CREATE TABLE live_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Numbers are given before commits, so a smaller one can appear later. Whoever has read with a snapshot asks next for
    -- what is of its oldest running transaction or younger; `horizon` is that one when this was written.
    xact       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    horizon    xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind       text NOT NULL CHECK (kind IN ('alert', 'wire', 'kyc')),
    -- Whose alert, wire or review it is, and whether they may know of this.
    user_id    uuid NOT NULL REFERENCES users,
    told       boolean NOT NULL,
    subject_id uuid NOT NULL,
    -- Ids, states and references; no name, account or amount.
    data       jsonb NOT NULL
);
CREATE INDEX live_events_order ON live_events (xact, id);
CREATE INDEX live_events_customer ON live_events (user_id, xact, id);
CREATE INDEX live_events_age ON live_events (at);

GRANT SELECT ON live_events TO aurum_api;
GRANT SELECT, DELETE ON live_events TO aurum_worker;
ALTER TABLE live_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON live_events TO aurum_worker USING (true);
CREATE POLICY own ON live_events FOR SELECT TO aurum_api USING (user_id = app.user_id() AND told);
CREATE POLICY wires ON live_events FOR SELECT TO aurum_api
    USING (kind = 'wire' AND app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY kyc ON live_events FOR SELECT TO aurum_api USING (kind = 'kyc' AND app.kyc_officer(user_id));
-- The API itself, which hands each event on to those whom the other policies would show it.
CREATE POLICY fan_out ON live_events FOR SELECT TO aurum_api USING (app.role() = 'fan_out');

CREATE FUNCTION app.tell_of_wire() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    -- What screening says is not told to the customer (tipping off), so what changes nothing else is not either.
    INSERT INTO live_events (kind, user_id, told, subject_id, data)
        VALUES ('wire', NEW.user_id, TG_OP = 'INSERT' OR NEW.status <> OLD.status, NEW.id, jsonb_build_object(
            'status', NEW.status, 'compliance_status', NEW.compliance_status, 'reference', NEW.end_to_end_id));
    RETURN NULL;
END $$;
CREATE TRIGGER wire_transfers_are_told_first AFTER INSERT ON wire_transfers
    FOR EACH ROW EXECUTE FUNCTION app.tell_of_wire();
CREATE TRIGGER wire_transfers_are_told AFTER UPDATE OF status, compliance_status ON wire_transfers
    FOR EACH ROW WHEN ((NEW.status, NEW.compliance_status) IS DISTINCT FROM (OLD.status, OLD.compliance_status))
    EXECUTE FUNCTION app.tell_of_wire();

CREATE FUNCTION app.tell_of_kyc_case() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    INSERT INTO live_events (kind, user_id, told, subject_id, data)
        VALUES ('kyc', NEW.user_id, NEW.told, NEW.id, jsonb_build_object('status', NEW.status, 'number', NEW.number));
    RETURN NULL;
END $$;
CREATE TRIGGER kyc_cases_are_told_first AFTER INSERT ON kyc_cases
    FOR EACH ROW EXECUTE FUNCTION app.tell_of_kyc_case();
CREATE TRIGGER kyc_cases_are_told AFTER UPDATE OF status ON kyc_cases
    FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION app.tell_of_kyc_case();

-- All firings of a sweep at once. Prices as text: JSON readers would make binary fractions of them.
CREATE FUNCTION app.tell_of_firings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    INSERT INTO live_events (kind, user_id, told, subject_id, data)
        SELECT 'alert', f.user_id, true, f.alert_id, jsonb_build_object(
            'number', f.number, 'symbol', a.symbol, 'condition', a.condition, 'level', a.level::text,
            'price', f.price::text, 'as_of', f.as_of)
        FROM fired f JOIN price_alerts a ON a.id = f.alert_id ORDER BY f.alert_id, f.number;
    RETURN NULL;
END $$;
CREATE TRIGGER price_alert_firings_are_told AFTER INSERT ON price_alert_firings
    REFERENCING NEW TABLE AS fired FOR EACH STATEMENT EXECUTE FUNCTION app.tell_of_firings();

-- Bells: they carry no more than what to look at, and reach whoever listens when the transaction is committed. One for
-- all events of a transaction; one for each session that is over and each person whose rights are other ones.
CREATE FUNCTION app.ring_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('aurum_realtime', 'events');
    RETURN NULL;
END $$;
CREATE TRIGGER live_events_ring AFTER INSERT ON live_events FOR EACH STATEMENT EXECUTE FUNCTION app.ring_events();

CREATE FUNCTION app.ring_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('aurum_realtime', 'session/' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_ring AFTER UPDATE OF revoked_at ON sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION app.ring_session();

CREATE FUNCTION app.ring_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('aurum_realtime', 'person/' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER users_ring AFTER UPDATE OF status, role, preset, permissions, deleted_at ON users
    FOR EACH ROW WHEN ((OLD.status, OLD.role, OLD.preset, OLD.permissions, OLD.deleted_at)
        IS DISTINCT FROM (NEW.status, NEW.role, NEW.preset, NEW.permissions, NEW.deleted_at))
    EXECUTE FUNCTION app.ring_person();
