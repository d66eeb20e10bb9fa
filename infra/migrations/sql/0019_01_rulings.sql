-- What the compliance desk decides, two officers each time: about a hit (`clear`: not the listed one; `confirm`: the listed
-- one), and about the money of a blocked wire (`reject`: back to the customer; `seize`: to the blocked account; `release`:
-- out of it again, by a licence). One officer proposes and another one confirms; whoever disagrees proposes the other
-- thing, which withdraws the first. The newest confirmed ruling about a hit is its state.
ALTER TABLE wire_hits ADD CONSTRAINT wire_hits_of_wire UNIQUE (id, wire_id);
CREATE TABLE wire_rulings (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id          uuid NOT NULL,
    -- Whose wire it is: so that the database itself can refuse maker = checker.
    maker_id         uuid NOT NULL,
    hit_id           bigint,
    ruling           text NOT NULL CHECK (ruling IN ('clear', 'confirm', 'reject', 'seize', 'release')),
    reason           text NOT NULL CHECK (length(btrim(reason)) BETWEEN 3 AND 2000),
    licence          text CHECK (length(btrim(licence)) BETWEEN 3 AND 100),
    -- The false positive that is remembered with it.
    memory_id        uuid REFERENCES sanctions_false_positives,
    proposed_by      uuid NOT NULL REFERENCES users,
    proposed_senior  boolean NOT NULL,
    proposed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_by     uuid REFERENCES users,
    confirmed_senior boolean,
    confirmed_at     timestamptz,
    withdrawn_by     uuid REFERENCES users,
    withdrawn_at     timestamptz,
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    FOREIGN KEY (hit_id, wire_id) REFERENCES wire_hits (id, wire_id),
    CONSTRAINT wire_rulings_four_eyes
        CHECK (proposed_by <> maker_id AND confirmed_by <> maker_id AND confirmed_by <> proposed_by),
    CONSTRAINT wire_rulings_about CHECK ((hit_id IS NOT NULL) = (ruling IN ('clear', 'confirm'))),
    CONSTRAINT wire_rulings_licence CHECK ((licence IS NOT NULL) = (ruling = 'release')),
    CONSTRAINT wire_rulings_memory CHECK (memory_id IS NULL OR ruling = 'clear'),
    CONSTRAINT wire_rulings_confirmed CHECK (num_nulls(confirmed_by, confirmed_senior, confirmed_at) IN (0, 3)),
    CONSTRAINT wire_rulings_withdrawn CHECK (num_nulls(withdrawn_by, withdrawn_at) IN (0, 2)),
    CONSTRAINT wire_rulings_one_end CHECK (num_nonnulls(confirmed_at, withdrawn_at) <= 1)
);
-- One proposal at a time: about a hit, and about the money.
CREATE UNIQUE INDEX wire_rulings_one_open ON wire_rulings (wire_id, coalesce(hit_id, 0))
    WHERE confirmed_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX wire_rulings_settled ON wire_rulings (hit_id, confirmed_at DESC) WHERE confirmed_at IS NOT NULL;

CREATE FUNCTION app.hit_state(hit wire_hits) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN CASE WHEN hit.known IS NOT NULL THEN 'known' ELSE coalesce((
        SELECT CASE r.ruling WHEN 'clear' THEN 'cleared' ELSE 'confirmed' END FROM wire_rulings r
        WHERE r.hit_id = hit.id AND r.confirmed_at IS NOT NULL ORDER BY r.confirmed_at DESC LIMIT 1), 'pending') END;
CREATE FUNCTION app.hits_in(wanted uuid, states text[]) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN EXISTS (SELECT FROM wire_hits h WHERE h.wire_id = wanted AND app.hit_state(h) = ANY (states));
CREATE FUNCTION app.ruled(wanted uuid, wanted_ruling text, by_senior boolean) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN EXISTS (SELECT FROM wire_rulings r WHERE r.wire_id = wanted AND r.ruling = wanted_ruling
        AND r.confirmed_at IS NOT NULL AND (NOT by_senior OR r.proposed_senior OR r.confirmed_senior));
REVOKE EXECUTE ON FUNCTION app.hit_state(wire_hits), app.hits_in(uuid, text[]), app.ruled(uuid, text, boolean) FROM PUBLIC;

-- Rulings are proposed where there is something to decide, and end once. Two officers of whom one lends the other their
-- right are one pair of eyes. What lets money of a blocked wire go takes a senior officer among the two; what stops it
-- does not.
CREATE FUNCTION app.guard_ruling() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    wire wire_transfers%ROWTYPE;
BEGIN
    SELECT * INTO wire FROM wire_transfers w WHERE w.id = NEW.wire_id FOR UPDATE;
    IF TG_OP = 'UPDATE' AND (OLD.confirmed_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
        OR to_jsonb(NEW) - '{confirmed_by,confirmed_senior,confirmed_at,withdrawn_by,withdrawn_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{confirmed_by,confirmed_senior,confirmed_at,withdrawn_by,withdrawn_at}'::text[])
        OR TG_OP = 'INSERT' AND num_nonnulls(NEW.confirmed_at, NEW.withdrawn_at) > 0 THEN
        RAISE EXCEPTION 'a ruling is proposed, and confirmed or withdrawn once' USING ERRCODE = 'AU140';
    END IF;
    IF NEW.withdrawn_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF NOT (CASE
        WHEN NEW.ruling IN ('clear', 'confirm') THEN wire.transaction_id IS NULL
            AND wire.status IN ('pending', 'awaiting_approval', 'info_requested', 'approved', 'blocked')
            AND NOT EXISTS (SELECT FROM wire_hits h WHERE h.id = NEW.hit_id AND h.known IS NOT NULL)
        WHEN NEW.ruling = 'release' THEN wire.status = 'blocked' AND wire.transaction_id IS NOT NULL
        ELSE wire.status = 'blocked' AND wire.transaction_id IS NULL AND NOT app.ruled(wire.id, 'seize', false)
            AND app.hits_in(wire.id, '{confirmed}') END) THEN
        RAISE EXCEPTION 'wire % is %: there is nothing to % about it', wire.id, wire.status, NEW.ruling USING ERRCODE = 'AU141';
    END IF;
    IF NEW.confirmed_at IS NOT NULL THEN
        IF app.same_eyes(NEW.proposed_by, NEW.confirmed_by, clock_timestamp())
            OR app.same_eyes(NEW.proposed_by, NEW.confirmed_by, NEW.proposed_at)
            OR app.same_eyes(NEW.maker_id, NEW.confirmed_by, clock_timestamp()) THEN
            RAISE EXCEPTION 'one pair of eyes does not look twice at wire %', NEW.wire_id USING ERRCODE = 'AU134';
        END IF;
        IF wire.status = 'blocked' AND NEW.ruling <> 'confirm' AND NOT (NEW.proposed_senior OR NEW.confirmed_senior) THEN
            RAISE EXCEPTION 'a blocked wire takes a senior officer' USING ERRCODE = 'AU143';
        END IF;
    END IF;
    RETURN NEW;
END $$;
-- After the row's rights were checked, so that a refusal tells nobody how somebody else's wire stands.
CREATE TRIGGER wire_rulings_made AFTER INSERT ON wire_rulings FOR EACH ROW EXECUTE FUNCTION app.guard_ruling();
CREATE TRIGGER wire_rulings_guard BEFORE UPDATE ON wire_rulings FOR EACH ROW EXECUTE FUNCTION app.guard_ruling();
CREATE TRIGGER wire_rulings_no_delete BEFORE DELETE ON wire_rulings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON wire_rulings TO aurum_api, aurum_worker;
GRANT INSERT (id, wire_id, maker_id, hit_id, ruling, reason, licence, memory_id, proposed_by, proposed_senior),
    UPDATE (confirmed_by, confirmed_senior, confirmed_at, withdrawn_by, withdrawn_at) ON wire_rulings TO aurum_api;
ALTER TABLE wire_rulings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_rulings TO aurum_worker USING (true);
CREATE POLICY staff ON wire_rulings FOR SELECT TO aurum_api
    USING (app.may('wires:read') AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY proposed ON wire_rulings FOR INSERT TO aurum_api
    WITH CHECK (app.may('admin:compliance') AND app.may('wires:approve') AND app.role() <> 'customer'
                AND maker_id <> app.user_id() AND proposed_by = app.user_id()
                AND (NOT proposed_senior OR app.may('wires:high_value')));
CREATE POLICY decided ON wire_rulings FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.may('wires:approve') AND app.role() <> 'customer' AND maker_id <> app.user_id())
    WITH CHECK (coalesce(confirmed_by, withdrawn_by) = app.user_id()
                AND (confirmed_senior IS NOT TRUE OR app.may('wires:high_value')));
-- Whoever ordered a wire does not see what was found in it, whatever else they may see.
DROP POLICY staff ON wire_hits;
CREATE POLICY staff ON wire_hits FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer'
    AND EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id AND w.user_id <> app.user_id()));
-- Nor that the desk is at work on it: lines of the timeline that begin so are the desk's own.
DROP POLICY seen ON wire_events;
CREATE POLICY seen ON wire_events FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id
                   AND (NOT event ^@ 'compliance_' OR app.role() <> 'customer' AND w.user_id <> app.user_id())));
