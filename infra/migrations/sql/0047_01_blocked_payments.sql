-- A payment that names somebody listed was blocked for good: nobody could say that it was another person, so that its
-- money stayed held (decision 0006). Two officers of the compliance desk rule about it now, as they do about a wire:
-- `clear` (another person: the money is available again, and the payment has failed), `confirm` (the listed one: it
-- stays as it is). One proposes and another one confirms; whoever disagrees proposes the other thing, which withdraws
-- the first.
ALTER TABLE payments ADD CONSTRAINT payments_of_customer UNIQUE (id, user_id);

-- What screening found in a payment that it blocked.
CREATE TABLE payment_hits (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id   uuid NOT NULL,
    maker_id     uuid NOT NULL,
    list         text NOT NULL,
    entry_id     text NOT NULL,
    entry_hash   bytea,
    list_version text NOT NULL,
    field        text NOT NULL,
    matched      text NOT NULL,
    score        numeric NOT NULL,
    verdict      text NOT NULL,
    parts        jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (payment_id, maker_id) REFERENCES payments (id, user_id),
    CONSTRAINT payment_hits_one_each UNIQUE (payment_id, list, entry_id, field, matched)
);
CREATE TRIGGER payment_hits_append_only BEFORE UPDATE OR DELETE ON payment_hits
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

CREATE TABLE payment_rulings (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    payment_id       uuid NOT NULL,
    -- Whose payment it is: so that the database itself can refuse maker = checker.
    maker_id         uuid NOT NULL,
    ruling           text NOT NULL CHECK (ruling IN ('clear', 'confirm')),
    reason           text NOT NULL CHECK (length(btrim(reason)) BETWEEN 3 AND 2000),
    proposed_by      uuid NOT NULL REFERENCES users,
    proposed_senior  boolean NOT NULL,
    proposed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_by     uuid REFERENCES users,
    confirmed_senior boolean,
    confirmed_at     timestamptz,
    withdrawn_by     uuid REFERENCES users,
    withdrawn_at     timestamptz,
    FOREIGN KEY (payment_id, maker_id) REFERENCES payments (id, user_id),
    CONSTRAINT payment_rulings_four_eyes
        CHECK (proposed_by <> maker_id AND confirmed_by <> maker_id AND confirmed_by <> proposed_by),
    CONSTRAINT payment_rulings_confirmed CHECK (num_nulls(confirmed_by, confirmed_senior, confirmed_at) IN (0, 3)),
    CONSTRAINT payment_rulings_withdrawn CHECK (num_nulls(withdrawn_by, withdrawn_at) IN (0, 2)),
    CONSTRAINT payment_rulings_one_end CHECK (num_nonnulls(confirmed_at, withdrawn_at) <= 1)
);
CREATE UNIQUE INDEX payment_rulings_one_open ON payment_rulings (payment_id)
    WHERE confirmed_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX payment_rulings_settled ON payment_rulings (payment_id, proposed_at DESC);
CREATE INDEX payments_blocked ON payments (ended_at, id) WHERE status = 'blocked';

CREATE FUNCTION app.guard_payment_ruling() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    standing text;
BEGIN
    SELECT p.status INTO standing FROM payments p WHERE p.id = NEW.payment_id FOR UPDATE;
    IF TG_OP = 'UPDATE' AND (OLD.confirmed_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
        OR to_jsonb(NEW) - '{confirmed_by,confirmed_senior,confirmed_at,withdrawn_by,withdrawn_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{confirmed_by,confirmed_senior,confirmed_at,withdrawn_by,withdrawn_at}'::text[])
        OR TG_OP = 'INSERT' AND num_nonnulls(NEW.confirmed_at, NEW.withdrawn_at) > 0 THEN
        RAISE EXCEPTION 'a ruling is proposed, and confirmed or withdrawn once' USING ERRCODE = 'AU140';
    END IF;
    IF standing IS DISTINCT FROM 'blocked' THEN
        RAISE EXCEPTION 'payment % is %: there is nothing to rule about it', NEW.payment_id, standing USING ERRCODE = 'AU141';
    END IF;
    IF NEW.confirmed_at IS NOT NULL THEN
        IF app.same_eyes(NEW.proposed_by, NEW.confirmed_by, clock_timestamp())
            OR app.same_eyes(NEW.proposed_by, NEW.confirmed_by, NEW.proposed_at)
            OR app.same_eyes(NEW.maker_id, NEW.confirmed_by, clock_timestamp()) THEN
            RAISE EXCEPTION 'one pair of eyes does not look twice at payment %', NEW.payment_id USING ERRCODE = 'AU134';
        END IF;
        IF NEW.ruling = 'clear' AND NOT (NEW.proposed_senior OR NEW.confirmed_senior) THEN
            RAISE EXCEPTION 'a blocked payment takes a senior officer' USING ERRCODE = 'AU143';
        END IF;
    END IF;
    RETURN NEW;
END $$;
-- After the row's rights were checked, so that a refusal tells nobody how somebody else's payment stands.
CREATE TRIGGER payment_rulings_made AFTER INSERT ON payment_rulings
    FOR EACH ROW EXECUTE FUNCTION app.guard_payment_ruling();
CREATE TRIGGER payment_rulings_guard BEFORE UPDATE ON payment_rulings
    FOR EACH ROW EXECUTE FUNCTION app.guard_payment_ruling();
CREATE TRIGGER payment_rulings_no_delete BEFORE DELETE ON payment_rulings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Out of `blocked` by the newest word of two officers alone, and to nowhere but `failed` (payment_moves).
CREATE FUNCTION app.guard_cleared_payment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF (SELECT r.ruling FROM payment_rulings r WHERE r.payment_id = NEW.id AND r.confirmed_at IS NOT NULL
        ORDER BY r.confirmed_at DESC LIMIT 1) IS DISTINCT FROM 'clear' THEN
        RAISE EXCEPTION 'payment % is not cleared by two officers', NEW.id USING ERRCODE = 'AU144';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_cleared BEFORE UPDATE ON payments FOR EACH ROW
    WHEN (OLD.status = 'blocked' AND NEW.status <> 'blocked') EXECUTE FUNCTION app.guard_cleared_payment();

GRANT SELECT ON payment_hits, payment_rulings TO aurum_api, aurum_worker;
GRANT INSERT ON payment_hits TO aurum_worker;
GRANT INSERT (id, payment_id, maker_id, ruling, reason, proposed_by, proposed_senior),
    UPDATE (confirmed_by, confirmed_senior, confirmed_at, withdrawn_by, withdrawn_at) ON payment_rulings TO aurum_api;
GRANT UPDATE (reason_text) ON payments TO aurum_api;
ALTER TABLE payment_hits ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_rulings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON payment_hits TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON payment_rulings TO aurum_worker USING (true);
CREATE POLICY compliance ON payment_hits FOR SELECT TO aurum_api
    USING ((SELECT app.may('admin:compliance')) AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY compliance ON payment_rulings FOR SELECT TO aurum_api
    USING ((SELECT app.may('admin:compliance')) AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY proposed ON payment_rulings FOR INSERT TO aurum_api
    WITH CHECK ((SELECT app.may('admin:compliance')) AND (SELECT app.may('wires:approve')) AND app.role() <> 'customer'
                AND maker_id <> app.user_id() AND proposed_by = app.user_id()
                AND (NOT proposed_senior OR (SELECT app.may('wires:high_value'))));
CREATE POLICY decided ON payment_rulings FOR UPDATE TO aurum_api
    USING ((SELECT app.may('admin:compliance')) AND (SELECT app.may('wires:approve')) AND app.role() <> 'customer'
           AND maker_id <> app.user_id())
    WITH CHECK (coalesce(confirmed_by, withdrawn_by) = app.user_id()
                AND (confirmed_senior IS NOT TRUE OR (SELECT app.may('wires:high_value'))));

-- The desk sees the payments that are blocked and those that it has ruled about, and no others of them.
CREATE POLICY compliance ON payments FOR SELECT TO aurum_api
    USING ((SELECT app.may('admin:compliance')) AND app.role() <> 'customer' AND user_id <> app.user_id()
           AND (status = 'blocked' OR EXISTS (SELECT FROM payment_rulings r WHERE r.payment_id = payments.id)));
CREATE POLICY cleared ON payments FOR UPDATE TO aurum_api
    USING ((SELECT app.may('admin:compliance')) AND (SELECT app.may('wires:approve')) AND app.role() <> 'customer'
           AND user_id <> app.user_id() AND status = 'blocked')
    WITH CHECK ((SELECT app.may('admin:compliance')) AND app.role() <> 'customer' AND user_id <> app.user_id()
                AND status = 'failed');
-- Lines of the timeline that begin so are the desk's own.
DROP POLICY seen ON payment_events;
CREATE POLICY seen ON payment_events FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM payments p WHERE p.id = payment_id
                   AND (NOT event ^@ 'compliance_' OR app.role() <> 'customer' AND p.user_id <> app.user_id())));
