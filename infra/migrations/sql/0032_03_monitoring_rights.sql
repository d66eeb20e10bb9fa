-- Cases are for officers and auditors, never for their customer. One that was escalated to a suspicion is seen by those
-- alone who hold admin:suspicion; for everybody else it is not there (tipping off).
CREATE FUNCTION app.monitoring_reader(customer uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN app.role() NOT IN ('', 'customer', 'authenticator') AND customer IS DISTINCT FROM app.user_id()
        AND (app.may('admin:compliance') OR app.may('admin:reports'));
CREATE FUNCTION app.sees_suspicions(customer uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN app.role() NOT IN ('', 'customer', 'authenticator') AND customer IS DISTINCT FROM app.user_id()
        AND app.may('admin:suspicion');

DO $$
DECLARE
    secured text;
BEGIN
    FOREACH secured IN ARRAY ARRAY['monitoring_rulebooks', 'monitoring_horizons', 'monitoring_cases', 'monitoring_alerts',
                                   'monitoring_evidence', 'monitoring_snoozes', 'monitoring_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', secured);
    END LOOP;
END $$;
GRANT SELECT ON monitoring_rulebooks, monitoring_cases, monitoring_alerts, monitoring_evidence, monitoring_events TO aurum_api;
GRANT INSERT (rules, note, proposed_by) ON monitoring_rulebooks TO aurum_api;
GRANT UPDATE (published_by, published_at) ON monitoring_rulebooks TO aurum_api;
GRANT UPDATE (assignee_id, claimed_at) ON monitoring_cases TO aurum_api;
GRANT INSERT (case_id, customer_id, event, officer_id, body) ON monitoring_events TO aurum_api;

-- Who knows the rules knows how to stay below them.
CREATE POLICY staff ON monitoring_rulebooks FOR SELECT TO aurum_api USING (app.monitoring_reader(NULL));
CREATE POLICY proposed ON monitoring_rulebooks FOR INSERT TO aurum_api
    WITH CHECK (app.kyc_officer(NULL) AND proposed_by = app.user_id() AND published_at IS NULL);
CREATE POLICY published ON monitoring_rulebooks FOR UPDATE TO aurum_api
    USING (app.kyc_officer(NULL) AND app.may('wires:high_value') AND published_at IS NULL AND proposed_by <> app.user_id())
    WITH CHECK (published_by = app.user_id() AND published_at IS NOT NULL);

CREATE POLICY staff ON monitoring_cases FOR SELECT TO aurum_api
    USING (app.monitoring_reader(customer_id) AND status <> 'escalated' OR app.sees_suspicions(customer_id));
CREATE POLICY claimed ON monitoring_cases FOR UPDATE TO aurum_api
    USING (app.kyc_officer(customer_id) AND status = 'open') WITH CHECK (app.kyc_officer(customer_id) AND status = 'open');
CREATE POLICY staff ON monitoring_alerts FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM monitoring_cases c WHERE c.id = case_id));
CREATE POLICY staff ON monitoring_evidence FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM monitoring_alerts a WHERE a.id = alert_id));
CREATE POLICY staff ON monitoring_events FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM monitoring_cases c WHERE c.id = case_id));
CREATE POLICY told ON monitoring_events FOR INSERT TO aurum_api
    WITH CHECK (app.kyc_officer(customer_id) AND officer_id = app.user_id() AND event IN ('claimed', 'given_back', 'commented')
        AND EXISTS (SELECT FROM monitoring_cases c WHERE c.id = case_id AND c.status = 'open'));

-- How a case ends. A function, since whoever escalates one sees it no more: row level security would refuse that change.
-- Answers: explained, proposed (a second officer has to confirm), escalated, or why not: not_found, not_open, changed (it
-- has other alerts, or another explanation, than whoever decides has read), four_eyes.
-- As it stands now: 0046_01_neutral_cases.sql.
CREATE FUNCTION monitoring_close(wanted uuid, outcome text, why text, seen integer, snooze interval) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    c monitoring_cases%ROWTYPE;
BEGIN
    SELECT * INTO c FROM monitoring_cases m WHERE m.id = wanted FOR NO KEY UPDATE;
    IF c.id IS NULL OR NOT app.kyc_officer(c.customer_id) THEN
        RETURN 'not_found';
    ELSIF c.status = 'escalated' AND outcome = 'suspicion' AND c.ended_by = app.user_id() THEN
        RETURN 'escalated';
    ELSIF c.status = 'escalated' AND NOT app.sees_suspicions(c.customer_id) THEN
        RETURN 'not_found';
    ELSIF c.status <> 'open' THEN
        RETURN 'not_open';
    ELSIF c.alerts <> seen THEN
        RETURN 'changed';
    ELSIF outcome = 'suspicion' THEN
        INSERT INTO kyc_suspicions (customer_id, monitoring_case_id, officer_id, body)
            VALUES (c.customer_id, c.id, app.user_id(), why);
        UPDATE monitoring_cases m SET status = 'escalated', ended_by = app.user_id(), ended_at = clock_timestamp() WHERE m.id = c.id;
        RETURN 'escalated';
    END IF;
    UPDATE monitoring_cases m SET proposal = m.proposal + 1, reason = why, proposed_by = app.user_id(),
        proposed_at = clock_timestamp(), snooze_until = clock_timestamp() + snooze WHERE m.id = c.id;
    IF c.two_people THEN
        INSERT INTO monitoring_events (case_id, customer_id, event, officer_id, body)
            VALUES (c.id, c.customer_id, 'proposed', app.user_id(), why);
        RETURN 'proposed';
    END IF;
    RETURN app.monitoring_explained(c.id);
END $$;

CREATE FUNCTION app.monitoring_explained(wanted uuid) RETURNS text
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
BEGIN
    UPDATE monitoring_cases m SET status = 'explained', ended_by = app.user_id(), ended_at = clock_timestamp() WHERE m.id = wanted;
    INSERT INTO monitoring_events (case_id, customer_id, event, officer_id, body)
        SELECT m.id, m.customer_id, 'explained', app.user_id(), m.reason FROM monitoring_cases m WHERE m.id = wanted;
    INSERT INTO monitoring_snoozes (account_id, rule, until, customer_id, case_id)
        SELECT DISTINCT a.account_id, a.rule, m.snooze_until, m.customer_id, m.id
        FROM monitoring_cases m JOIN monitoring_alerts a ON a.case_id = m.id WHERE m.id = wanted AND m.snooze_until IS NOT NULL;
    RETURN 'explained';
END $$;

-- As it stands now: 0046_01_neutral_cases.sql.
CREATE FUNCTION monitoring_confirm(wanted uuid, number integer) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    c monitoring_cases%ROWTYPE;
BEGIN
    SELECT * INTO c FROM monitoring_cases m WHERE m.id = wanted FOR NO KEY UPDATE;
    IF c.id IS NULL OR NOT app.kyc_officer(c.customer_id)
        OR c.status = 'escalated' AND NOT app.sees_suspicions(c.customer_id) THEN
        RETURN 'not_found';
    ELSIF c.status <> 'open' THEN
        RETURN 'not_open';
    ELSIF c.proposed_by IS NULL OR c.proposal <> number THEN
        RETURN 'changed';
    ELSIF c.proposed_by = app.user_id() THEN
        RETURN 'four_eyes';
    END IF;
    RETURN app.monitoring_explained(c.id);
END $$;
REVOKE EXECUTE ON FUNCTION app.monitoring_explained(uuid), monitoring_close(uuid, text, text, integer, interval),
    monitoring_confirm(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring_close(uuid, text, text, integer, interval), monitoring_confirm(uuid, integer) TO aurum_api;
