-- Officers: staff with admin:compliance. Nobody is an officer of a review of themselves.
CREATE FUNCTION app.kyc_officer(customer uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN app.may('admin:compliance') AND app.role() <> 'customer' AND customer IS DISTINCT FROM app.user_id();

GRANT SELECT ON kyc_moves, kyc_cases, kyc_decisions, kyc_assessments, kyc_hits, kyc_info_requests, kyc_notes, kyc_events
    TO aurum_api, aurum_worker;
GRANT SELECT ON kyc_sweeps TO aurum_worker;
GRANT INSERT (id, user_id, number, occasion, status, tier, declaration) ON kyc_cases TO aurum_api;
GRANT UPDATE (status, round, told, tier, declaration, asked_at, answer_due_at, answer_stage, assignee_id, claimed_at, sla_stage,
              next_review_at, decided_by, decided_at, reason_code, updated_at) ON kyc_cases TO aurum_api;
GRANT INSERT ON kyc_decisions, kyc_notes, kyc_suspicions, kyc_info_requests, kyc_events TO aurum_api;
GRANT SELECT ON kyc_suspicions TO aurum_api;
GRANT UPDATE (answer, answered_at) ON kyc_info_requests TO aurum_api;
GRANT INSERT ON kyc_cases, kyc_assessments, kyc_hits, kyc_info_requests, kyc_events, kyc_sweeps TO aurum_worker;
GRANT UPDATE (status, told, profile, due_at, rung, restriction, sla_started_at, sla_remind_at, sla_escalate_at, sla_deadline,
              sla_stage, asked_at, answer_due_at, answer_stage, approvals_required, senior_required, risk_level, risk_points,
              list_version, content_hash, next_review_at, decided_at, reason_code, updated_at) ON kyc_cases TO aurum_worker;
-- A question that nobody answered is closed with that.
GRANT UPDATE (answer, answered_at) ON kyc_info_requests TO aurum_worker;
GRANT UPDATE ON kyc_sweeps TO aurum_worker;

DO $$
DECLARE
    secured text;
BEGIN
    FOREACH secured IN ARRAY ARRAY['kyc_cases', 'kyc_decisions', 'kyc_assessments', 'kyc_hits', 'kyc_info_requests', 'kyc_notes',
                                   'kyc_suspicions', 'kyc_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', secured);
        -- Of suspicions not even the worker knows.
        IF secured <> 'kyc_suspicions' THEN
            EXECUTE format('CREATE POLICY worker ON %I TO aurum_worker USING (true) WITH CHECK (true)', secured);
        END IF;
    END LOOP;
END $$;

CREATE POLICY own ON kyc_cases FOR SELECT TO aurum_api USING (user_id = app.user_id() AND told);
CREATE POLICY own_submission ON kyc_cases FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND app.role() = 'customer' AND occasion = 'initial' AND status = 'submitted' AND told);
CREATE POLICY own_change ON kyc_cases FOR UPDATE TO aurum_api
    USING (user_id = app.user_id() AND told) WITH CHECK (user_id = app.user_id() AND status IN ('submitted', 'expired'));
CREATE POLICY officer ON kyc_cases FOR SELECT TO aurum_api USING (app.kyc_officer(user_id));
CREATE POLICY decision ON kyc_cases FOR UPDATE TO aurum_api USING (app.kyc_officer(user_id)) WITH CHECK (app.kyc_officer(user_id));

CREATE POLICY officer ON kyc_decisions FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY decision ON kyc_decisions FOR INSERT TO aurum_api
    WITH CHECK (app.kyc_officer(customer_id) AND officer_id = app.user_id() AND (NOT senior OR app.may('wires:high_value')));
CREATE POLICY officer ON kyc_assessments FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY officer ON kyc_hits FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY officer ON kyc_notes FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY noted ON kyc_notes FOR INSERT TO aurum_api
    WITH CHECK (app.kyc_officer(customer_id) AND officer_id = app.user_id());

-- Whoever suspects something says so, and reads no more of it than anybody else.
CREATE POLICY suspicion ON kyc_suspicions FOR SELECT TO aurum_api
    USING (app.may('admin:suspicion') AND app.role() <> 'customer' AND customer_id IS DISTINCT FROM app.user_id());
CREATE POLICY reported ON kyc_suspicions FOR INSERT TO aurum_api
    WITH CHECK ((app.kyc_officer(customer_id) OR app.may('admin:suspicion') AND app.role() <> 'customer'
                 AND customer_id IS DISTINCT FROM app.user_id()) AND officer_id = app.user_id());

CREATE POLICY own ON kyc_info_requests FOR SELECT TO aurum_api USING (customer_id = app.user_id());
CREATE POLICY answer ON kyc_info_requests FOR UPDATE TO aurum_api
    USING (customer_id = app.user_id()) WITH CHECK (customer_id = app.user_id());
CREATE POLICY officer ON kyc_info_requests FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY asked ON kyc_info_requests FOR INSERT TO aurum_api
    WITH CHECK (app.kyc_officer(customer_id) AND officer_id = app.user_id());

CREATE POLICY own ON kyc_events FOR SELECT TO aurum_api
    USING (customer_id = app.user_id() AND EXISTS (SELECT FROM kyc_cases c WHERE c.id = case_id));
CREATE POLICY officer ON kyc_events FOR SELECT TO aurum_api USING (app.kyc_officer(customer_id));
CREATE POLICY told ON kyc_events FOR INSERT TO aurum_api
    WITH CHECK (actor_id = app.user_id() AND (customer_id = app.user_id() AND actor = 'customer'
                                              OR app.kyc_officer(customer_id) AND actor = 'officer'));
