-- Reviews that fall due, opened set by set, each with its line in the timeline and its process asked for. One look finds
-- all of it, so that ten thousand customers cost as little as the few of them of whom something is due. Safe to repeat and
-- to run twice at once: a customer has one open review at most. The figures come from models/tables/kyc/life.py.

CREATE FUNCTION app.kyc_open(opening uuid, why text, asks boolean, due timestamptz, restricted text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
DECLARE
    opened kyc_cases%ROWTYPE;
BEGIN
    INSERT INTO kyc_cases (user_id, number, occasion, status, told, tier, declaration, due_at, restriction)
        SELECT u.id, kyc_next_number(u.id), why, CASE WHEN asks THEN 'pending' ELSE 'submitted' END, asks, u.tier,
               coalesce((SELECT c.declaration FROM kyc_cases c WHERE c.user_id = u.id AND c.status = 'approved'
                         ORDER BY c.number DESC LIMIT 1), '{}'), due, restricted
        FROM users u WHERE u.id = opening AND u.kyc_status = 'approved'
        ON CONFLICT DO NOTHING RETURNING * INTO opened;
    IF opened.id IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO kyc_events (case_id, customer_id, event, status, actor, step)
        VALUES (opened.id, opened.user_id, 'opened', opened.status, 'process', 'opened');
    INSERT INTO outbox (workflow, workflow_id, argument, summary)
        VALUES ('kyc', 'kyc/' || opened.user_id || '/' || opened.number,
                jsonb_build_object('case_id', opened.id, 'customer_ref', opened.user_id::text, 'number', opened.number,
                                   'occasion', opened.occasion),
                'KYC ' || replace(opened.occasion, '_', ' '));
    RETURN true;
END $$;

-- Of several reasons the first counts: the review that it opens looks at everything.
-- As it stands now: 0045_01_another_birthday.sql.
CREATE FUNCTION kyc_open_due(at timestamptz, lead interval, notice interval, identity text[], units jsonb, usual_times integer,
                             volume_window interval, just_now interval, dormant interval, pause interval, most integer)
    RETURNS TABLE (user_id uuid, occasion text)
    LANGUAGE sql SET search_path = public, app, pg_temp AS $$
    WITH last AS (
        SELECT DISTINCT ON (c.user_id) c.user_id, c.profile, c.declaration FROM kyc_cases c
        WHERE c.status = 'approved' ORDER BY c.user_id, c.number DESC),
    -- Until when somebody is proven by a document: for ever by one without an end.
    proven AS (
        SELECT d.user_id, max(coalesce(d.expires_at, date '9999-12-31')) AS ends FROM kyc_documents d
        WHERE d.verification_status = 'verified' AND d.document_type = ANY (identity) GROUP BY d.user_id),
    moved AS (
        SELECT a.user_id,
               sum(t.amount_minor / 10::numeric ^ t.exponent::numeric / coalesce((units ->> t.currency)::numeric, 1))
                   FILTER (WHERE t.processed_at > at - volume_window AND b.user_id IS DISTINCT FROM a.user_id) AS euros,
               max(t.processed_at) FILTER (WHERE t.processed_at > at - just_now) AS new,
               max(t.processed_at) FILTER (WHERE t.processed_at <= at - just_now) AS old,
               min(a.opened_at) AS opened_at
        FROM transactions t JOIN accounts a ON a.id = t.from_account_id LEFT JOIN accounts b ON b.id = t.to_account_id
        WHERE a.user_id IS NOT NULL AND t.status = 'completed' AND t.processed_at <= at
          AND t.processed_at > at - dormant - just_now GROUP BY a.user_id),
    reasons AS (
        SELECT u.id AS user_id, r.rank, r.occasion, r.asks, r.due
        FROM users u LEFT JOIN last l ON l.user_id = u.id LEFT JOIN proven p ON p.user_id = u.id
        LEFT JOIN moved m ON m.user_id = u.id
        CROSS JOIN LATERAL (VALUES
            (1, 'name_changed', true, at, l.profile ? 'last_name'
                AND (u.first_name, u.last_name) IS DISTINCT FROM (l.profile ->> 'first_name', l.profile ->> 'last_name')),
            (2, 'country_changed', true, at, l.profile ? 'country' AND u.address ->> 'country' IS DISTINCT FROM l.profile ->> 'country'),
            (3, 'document_expiry', true, p.ends::timestamptz, p.ends < (at + lead)::date),
            (4, 'periodic', true, coalesce(u.kyc_review_due, at + lead), coalesce(u.kyc_review_due, at) <= at + lead),
            (5, 'unusual_volume', false, NULL, m.euros > usual_times * (l.declaration ->> 'expected_monthly_volume')::numeric),
            (6, 'dormant_active', false, NULL, m.new IS NOT NULL AND m.old IS NULL AND m.opened_at < at - dormant)
        ) AS r (rank, occasion, asks, due, holds)
        WHERE u.role = 'customer' AND u.deleted_at IS NULL AND u.kyc_status = 'approved' AND r.holds
          AND NOT EXISTS (SELECT FROM kyc_cases c WHERE c.user_id = u.id
                          AND (c.status IN ('pending', 'submitted', 'in_review', 'info_requested')
                               OR NOT r.asks AND c.occasion = r.occasion AND c.decided_at > at - pause))),
    -- MATERIALIZED: chosen first, opened then.
    due AS MATERIALIZED (SELECT DISTINCT ON (r.user_id) r.* FROM reasons r ORDER BY r.user_id, r.rank LIMIT most)
    SELECT d.user_id, d.occasion FROM due d
    WHERE app.kyc_open(d.user_id, d.occasion, d.asks, CASE WHEN d.asks THEN greatest(d.due, at + notice) END, 'none')
$$;

REVOKE EXECUTE ON FUNCTION app.kyc_open(uuid, text, boolean, timestamptz, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION kyc_open_due(timestamptz, interval, interval, text[], jsonb, integer, interval, interval, interval,
                                        interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.kyc_open(uuid, text, boolean, timestamptz, text) TO aurum_worker;
GRANT EXECUTE ON FUNCTION kyc_open_due(timestamptz, interval, interval, text[], jsonb, integer, interval, interval, interval,
                                       interval, integer) TO aurum_worker;
