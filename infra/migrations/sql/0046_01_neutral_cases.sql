-- A case of monitoring that was escalated to a suspicion vanished for everybody who may not know of suspicions, and whoever
-- had seen it before could tell why. For them every closed case is now closed and no more: neither how nor by whom
-- (decision 0051). Who may know which cases were explained knows which were not, so that is for the same few.
CREATE FUNCTION app.as_closed(c monitoring_cases) RETURNS monitoring_cases
    LANGUAGE sql IMMUTABLE
    RETURN ROW(c.id, c.customer_id, 'closed', c.alerts, c.two_people, c.opened_at, c.due_at, c.assignee_id, c.claimed_at,
        0, NULL, NULL, NULL, NULL, NULL, c.ended_at)::monitoring_cases;
-- Of closed cases, for officers and auditors: one, the newest, and how many (of those that one officer looked after).
CREATE FUNCTION monitoring_closed_case(wanted uuid) RETURNS SETOF monitoring_cases
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT (app.as_closed(c)).* FROM monitoring_cases c
    WHERE c.id = wanted AND c.status <> 'open' AND app.monitoring_reader(c.customer_id)
$$;
CREATE FUNCTION monitoring_closed_cases(of_officer uuid, most integer, skipped integer) RETURNS SETOF monitoring_cases
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT (app.as_closed(c)).* FROM monitoring_cases c
    WHERE c.status <> 'open' AND (SELECT app.monitoring_reader(NULL)) AND c.customer_id IS DISTINCT FROM app.user_id()
        AND (of_officer IS NULL OR c.assignee_id = of_officer)
    ORDER BY c.id DESC LIMIT most OFFSET skipped
$$;
CREATE FUNCTION monitoring_closed_count(of_officer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT count(*) FROM monitoring_cases c
    WHERE c.status <> 'open' AND (SELECT app.monitoring_reader(NULL)) AND c.customer_id IS DISTINCT FROM app.user_id()
        AND (of_officer IS NULL OR c.assignee_id = of_officer)
$$;
REVOKE EXECUTE ON FUNCTION monitoring_closed_case(uuid), monitoring_closed_cases(uuid, integer, integer),
    monitoring_closed_count(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monitoring_closed_case(uuid), monitoring_closed_cases(uuid, integer, integer),
    monitoring_closed_count(uuid) TO aurum_api;
CREATE INDEX monitoring_cases_closed ON monitoring_cases (id) WHERE status <> 'open';

ALTER POLICY staff ON monitoring_cases
    USING (status = 'open' AND app.monitoring_reader(customer_id) OR app.sees_suspicions(customer_id));
ALTER POLICY staff ON monitoring_alerts USING (EXISTS (SELECT FROM monitoring_cases c WHERE c.id = case_id)
    OR EXISTS (SELECT FROM monitoring_closed_case(case_id)));
-- What was proposed while the case was open tells how it was closed, too.
ALTER POLICY staff ON monitoring_events USING (EXISTS (SELECT FROM monitoring_cases c WHERE c.id = case_id)
    OR event IN ('alerted', 'claimed', 'given_back', 'commented')
        AND EXISTS (SELECT FROM monitoring_closed_case(case_id)));

-- As 0032_03_monitoring_rights.sql has them; but a closed case is closed to everybody, whatever it came to.
CREATE OR REPLACE FUNCTION monitoring_close(wanted uuid, outcome text, why text, seen integer, snooze interval) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    c monitoring_cases%ROWTYPE;
BEGIN
    SELECT * INTO c FROM monitoring_cases m WHERE m.id = wanted FOR NO KEY UPDATE;
    IF c.id IS NULL OR NOT app.kyc_officer(c.customer_id) THEN
        RETURN 'not_found';
    ELSIF c.status = 'escalated' AND outcome = 'suspicion' AND c.ended_by = app.user_id() THEN
        RETURN 'escalated';
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

CREATE OR REPLACE FUNCTION monitoring_confirm(wanted uuid, number integer) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    c monitoring_cases%ROWTYPE;
BEGIN
    SELECT * INTO c FROM monitoring_cases m WHERE m.id = wanted FOR NO KEY UPDATE;
    IF c.id IS NULL OR NOT app.kyc_officer(c.customer_id) THEN
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
