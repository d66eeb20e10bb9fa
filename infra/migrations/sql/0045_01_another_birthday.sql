-- Another date of birth is another person, as another name is: sanctions lists are compared by both. Whoever was approved
-- with one and gives another is asked for a document that shows it. The rest is as in 0018.

-- Of several reasons the first counts: the review that it opens looks at everything.
CREATE OR REPLACE FUNCTION kyc_open_due(at timestamptz, lead interval, notice interval, identity text[], units jsonb, usual_times integer,
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
                AND (u.first_name, u.last_name) IS DISTINCT FROM (l.profile ->> 'first_name', l.profile ->> 'last_name')
                OR l.profile ? 'date_of_birth'
                AND to_char(u.date_of_birth, 'YYYY-MM-DD') IS DISTINCT FROM l.profile ->> 'date_of_birth'),
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
