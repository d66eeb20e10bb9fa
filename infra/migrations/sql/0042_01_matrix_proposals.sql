-- The approval matrix is proposed by one officer and published by another one, as the rules of monitoring are
-- (decision 0046). An operator's command still publishes one at once, for a bank that has no officers yet; their name stands
-- beside it. No version that a wire was routed by is ever changed.
DROP TRIGGER approval_matrices_append_only ON approval_matrices;
ALTER TABLE approval_matrices RENAME COLUMN published_by TO operator;
ALTER TABLE approval_matrices
    ALTER COLUMN operator DROP NOT NULL,
    ALTER COLUMN published_at DROP NOT NULL,
    ALTER COLUMN published_at DROP DEFAULT,
    ADD COLUMN proposed_by  uuid REFERENCES users,
    ADD COLUMN proposed_at  timestamptz,
    ADD COLUMN published_by uuid REFERENCES users,
    ADD COLUMN refused_by   uuid REFERENCES users,
    ADD COLUMN refused_at   timestamptz,
    ADD COLUMN refusal      text CHECK (length(refusal) BETWEEN 3 AND 500);
UPDATE approval_matrices SET proposed_at = published_at;
ALTER TABLE approval_matrices
    ALTER COLUMN proposed_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN proposed_at SET NOT NULL,
    ADD CONSTRAINT approval_matrices_four_eyes CHECK (published_by <> proposed_by),
    -- By a command, at once, or by two people.
    ADD CONSTRAINT approval_matrices_published CHECK (
        CASE WHEN operator IS NULL THEN proposed_by IS NOT NULL AND num_nulls(published_by, published_at) IN (0, 2)
             ELSE num_nonnulls(proposed_by, published_by) = 0 AND published_at IS NOT NULL END),
    ADD CONSTRAINT approval_matrices_refused
        CHECK (num_nulls(refused_by, refused_at, refusal) IN (0, 3) AND (refused_at IS NULL OR published_at IS NULL));
CREATE TRIGGER approval_matrices_guard BEFORE UPDATE OR DELETE ON approval_matrices
    FOR EACH ROW EXECUTE FUNCTION app.guard_proposal();

GRANT INSERT (rows, call_back_over, note, proposed_by) ON approval_matrices TO aurum_api;
GRANT UPDATE (published_by, published_at, refused_by, refused_at, refusal) ON approval_matrices TO aurum_api;
ALTER TABLE approval_matrices ENABLE ROW LEVEL SECURITY;
-- A worker of the build before takes the newest version that it sees for the one that decides.
CREATE POLICY worker ON approval_matrices FOR SELECT TO aurum_worker USING (published_at IS NOT NULL);
CREATE POLICY staff ON approval_matrices FOR SELECT TO aurum_api
    USING ((SELECT app.may('wires:read')) AND app.role() NOT IN ('', 'customer', 'authenticator'));
CREATE POLICY proposed ON approval_matrices FOR INSERT TO aurum_api
    WITH CHECK ((SELECT app.kyc_officer(NULL)) AND proposed_by = app.user_id() AND published_at IS NULL);
CREATE POLICY ended ON approval_matrices FOR UPDATE TO aurum_api
    USING ((SELECT app.kyc_officer(NULL)) AND published_at IS NULL AND refused_at IS NULL
        AND ((SELECT app.may('wires:high_value')) OR proposed_by = app.user_id()))
    WITH CHECK ((SELECT app.kyc_officer(NULL)) AND (
        published_by = app.user_id() AND published_at IS NOT NULL AND proposed_by <> app.user_id()
            AND (SELECT app.may('wires:high_value'))
        OR refused_by = app.user_id() AND refused_at IS NOT NULL AND published_at IS NULL));

-- What decides now, for whoever routes a wire or tries what one would take: without who wanted it, and why.
CREATE FUNCTION matrix_in_force(OUT version integer, OUT rows jsonb, OUT call_back_over bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT m.version, m.rows, m.call_back_over FROM approval_matrices m
    WHERE m.published_at IS NOT NULL ORDER BY m.version DESC LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION matrix_in_force() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION matrix_in_force() TO aurum_api, aurum_worker;
