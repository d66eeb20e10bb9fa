-- What a policy asks of whoever asks, and not of the row, it asks in a subquery: PostgreSQL answers that once for a
-- statement, where it answered it for each row before (decision 0048). What the policies say stays the same.
DO $$
DECLARE
    policy record;
    asked constant text := 'app\.(may\(''[^'']*''::text\)|watches_reconciliation\(\)|answers_banks\(\))';
    once constant text := '(SELECT app.\1)';
BEGIN
    FOR policy IN
        SELECT tablename, policyname, qual, with_check FROM pg_policies WHERE schemaname = current_schema()
    LOOP
        -- Those of 0032 ask it in a subquery already.
        IF policy.qual ~ asked AND policy.qual NOT LIKE '( SELECT %' THEN
            EXECUTE format('ALTER POLICY %I ON %I USING (%s)', policy.policyname, policy.tablename,
                regexp_replace(policy.qual, asked, once, 'g'));
        END IF;
        IF policy.with_check ~ asked THEN
            EXECUTE format('ALTER POLICY %I ON %I WITH CHECK (%s)', policy.policyname, policy.tablename,
                regexp_replace(policy.with_check, asked, once, 'g'));
        END IF;
    END LOOP;
END $$;
