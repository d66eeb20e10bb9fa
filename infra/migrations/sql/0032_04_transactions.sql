-- Staff look through all transactions of a period (`GET /admin/transactions`). Entries come in the order of their time, so
-- this costs a posting next to nothing.
CREATE INDEX transactions_by_time ON transactions USING brin (created_at) WITH (pages_per_range = 32);

-- The newest entries in which these words stand, the last of them perhaps begun, or whose reference they are. Row level
-- security would keep such a condition away from the index, so the right of whoever asks is looked at here.
CREATE FUNCTION staff_find_transactions(wanted text, most integer) RETURNS TABLE (id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    words tsquery := websearch_to_tsquery('simple', wanted);
BEGIN
    IF app.role() IN ('', 'customer', 'authenticator') OR NOT app.may('transactions:read') OR numnode(words) = 0 THEN
        RETURN;
    END IF;
    IF words::text ~ '''$' THEN
        words := (words::text || ':*')::tsquery;
    END IF;
    RETURN QUERY SELECT t.id FROM transactions t
        WHERE transaction_words(t.id, t.transaction_type, t.description, t.category, t.metadata, t.from_account_id,
                                t.to_account_id) @@ words
            AND (t.description <> '' OR t.metadata <> '{}')
        ORDER BY t.id DESC LIMIT most;
END $$;
REVOKE EXECUTE ON FUNCTION staff_find_transactions(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_find_transactions(text, integer) TO aurum_api;

-- Whoever has asked for a reversal may withdraw it, as long as nobody has confirmed it. It may be asked for again.
ALTER TABLE transaction_reversals DROP CONSTRAINT transaction_reversals_status_check;
ALTER TABLE transaction_reversals ADD CONSTRAINT transaction_reversals_status_check
    CHECK (status IN ('awaiting_confirmation', 'approved', 'done', 'refused', 'withdrawn'));
DROP INDEX transaction_reversals_one;
CREATE UNIQUE INDEX transaction_reversals_one ON transaction_reversals (transaction_id)
    WHERE status NOT IN ('refused', 'withdrawn');
CREATE INDEX transaction_reversals_waiting ON transaction_reversals (id) WHERE status = 'awaiting_confirmation';

CREATE OR REPLACE FUNCTION app.guard_reversal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a reversal is not deleted' USING ERRCODE = 'AU100';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.transaction_id, NEW.reason, NEW.asked_by, NEW.created_at)
            <> (OLD.id, OLD.transaction_id, OLD.reason, OLD.asked_by, OLD.created_at)
            OR OLD.confirmed_by IS NOT NULL AND NEW.confirmed_by IS DISTINCT FROM OLD.confirmed_by
            OR (OLD.status, NEW.status) NOT IN (('awaiting_confirmation', 'approved'), ('awaiting_confirmation', 'withdrawn'),
                ('approved', 'done'), ('approved', 'refused'))
            OR NEW.status = 'withdrawn' AND NEW.confirmed_by IS NOT NULL
            -- People confirm, the process posts.
            OR session_user = 'aurum_api' AND OLD.status <> 'awaiting_confirmation'
            OR session_user = 'aurum_worker' AND OLD.status <> 'approved' THEN
            RAISE EXCEPTION 'reversal % does not go from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'AU140';
        END IF;
        NEW.updated_at := clock_timestamp();
    END IF;
    -- Whoever pays or is paid by a transaction has no part in taking it back, whatever they may do otherwise.
    IF EXISTS (SELECT FROM transactions t JOIN accounts a ON a.id IN (t.from_account_id, t.to_account_id)
               WHERE t.id = NEW.transaction_id AND a.user_id IN (NEW.asked_by, NEW.confirmed_by)) THEN
        RAISE EXCEPTION 'transaction % is one of theirs', NEW.transaction_id USING ERRCODE = 'AU141';
    END IF;
    RETURN NEW;
END $$;
CREATE POLICY withdrawn ON transaction_reversals FOR UPDATE TO aurum_api
    USING (app.may('transactions:approve') AND app.role() <> 'customer' AND asked_by = app.user_id()
           AND status = 'awaiting_confirmation')
    WITH CHECK (asked_by = app.user_id() AND status = 'withdrawn');
