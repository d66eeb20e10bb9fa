-- Transfers that officers take back. An officer asks, from a certain amount on a second one confirms, and the process
-- posts the reversal in the worker's role: the API's role gets no right to debit anybody without their order.
CREATE TABLE transaction_reversals (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    transaction_id uuid NOT NULL REFERENCES transactions,
    status         text NOT NULL CHECK (status IN ('awaiting_confirmation', 'approved', 'done', 'refused')),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    asked_by       uuid NOT NULL REFERENCES users,
    confirmed_by   uuid REFERENCES users,
    reversal_id    uuid REFERENCES transactions,
    refusal_code   text,
    refusal        text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT transaction_reversals_four_eyes CHECK (confirmed_by <> asked_by),
    CONSTRAINT transaction_reversals_end CHECK ((status = 'done') = (reversal_id IS NOT NULL)
        AND (status = 'refused') = (refusal_code IS NOT NULL))
);
-- One at a time, and none after one that was done. A refused one may be asked for again: the money may be back.
CREATE UNIQUE INDEX transaction_reversals_one ON transaction_reversals (transaction_id) WHERE status <> 'refused';
CREATE INDEX transaction_reversals_newest ON transaction_reversals (transaction_id, id DESC);

-- As it stands now: 0032_04_transactions.sql.
CREATE FUNCTION app.guard_reversal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a reversal is not deleted' USING ERRCODE = 'AU100';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.transaction_id, NEW.reason, NEW.asked_by, NEW.created_at)
            <> (OLD.id, OLD.transaction_id, OLD.reason, OLD.asked_by, OLD.created_at)
            OR OLD.confirmed_by IS NOT NULL AND NEW.confirmed_by IS DISTINCT FROM OLD.confirmed_by
            OR (OLD.status, NEW.status) NOT IN (('awaiting_confirmation', 'approved'), ('approved', 'done'),
                ('approved', 'refused'))
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
CREATE TRIGGER transaction_reversals_guard BEFORE INSERT OR UPDATE OR DELETE ON transaction_reversals
    FOR EACH ROW EXECUTE FUNCTION app.guard_reversal();

GRANT SELECT ON transaction_reversals TO aurum_api, aurum_worker;
GRANT INSERT (id, transaction_id, status, reason, asked_by) ON transaction_reversals TO aurum_api;
GRANT UPDATE (status, confirmed_by) ON transaction_reversals TO aurum_api;
GRANT UPDATE (status, reversal_id, refusal_code, refusal) ON transaction_reversals TO aurum_worker;
ALTER TABLE transaction_reversals ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON transaction_reversals TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON transaction_reversals FOR SELECT TO aurum_api
    USING (app.may('transactions:approve') AND app.role() <> 'customer');
CREATE POLICY asked ON transaction_reversals FOR INSERT TO aurum_api
    WITH CHECK (app.may('transactions:approve') AND app.role() <> 'customer' AND asked_by = app.user_id()
                AND status IN ('awaiting_confirmation', 'approved') AND confirmed_by IS NULL);
CREATE POLICY confirmed ON transaction_reversals FOR UPDATE TO aurum_api
    USING (app.may('transactions:approve') AND app.role() <> 'customer' AND asked_by <> app.user_id()
           AND status = 'awaiting_confirmation')
    WITH CHECK (confirmed_by = app.user_id() AND status = 'approved');
