-- An emergency override: two senior officers approve a wire in place of the places that its routing still asks for
-- (reference/banking.md §6.6). One proposes and another one confirms. It passes by the matrix and by nothing else: not by
-- screening, not by what an officer may approve, not by the release window, its lists and the customer's own standing.
CREATE TABLE wire_overrides (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id       uuid NOT NULL,
    maker_id      uuid NOT NULL,
    content_hash  bytea NOT NULL CHECK (length(content_hash) = 32),
    reason        text NOT NULL CHECK (length(btrim(reason)) BETWEEN 10 AND 2000),
    -- What both saw, as it is kept of an approval.
    evidence      text NOT NULL,
    evidence_hash bytea NOT NULL,
    base_minor    bigint,
    -- The kinds of officers of whom nobody had approved when it was confirmed.
    passed_over   text[],
    proposed_by   uuid NOT NULL REFERENCES users,
    proposed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_by  uuid REFERENCES users,
    confirmed_at  timestamptz,
    withdrawn_by  uuid REFERENCES users,
    withdrawn_at  timestamptz,
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT wire_overrides_four_eyes
        CHECK (proposed_by <> maker_id AND confirmed_by <> maker_id AND confirmed_by <> proposed_by),
    CONSTRAINT wire_overrides_evidence CHECK (evidence_hash = sha256(convert_to(evidence, 'UTF8'))),
    CONSTRAINT wire_overrides_confirmed CHECK (num_nulls(confirmed_by, confirmed_at, passed_over) IN (0, 3)),
    CONSTRAINT wire_overrides_withdrawn CHECK (num_nulls(withdrawn_by, withdrawn_at) IN (0, 2)),
    CONSTRAINT wire_overrides_one_end CHECK (num_nonnulls(confirmed_at, withdrawn_at) <= 1)
);
CREATE UNIQUE INDEX wire_overrides_one_open ON wire_overrides (wire_id)
    WHERE confirmed_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX wire_overrides_proposer ON wire_overrides (proposed_by, confirmed_at) WHERE confirmed_at IS NOT NULL;
CREATE INDEX wire_overrides_confirmer ON wire_overrides (confirmed_by, confirmed_at) WHERE confirmed_at IS NOT NULL;

-- The look at it afterwards, by a third person, with its clock. It has no end but a finding.
CREATE TABLE wire_after_reviews (
    override_id uuid PRIMARY KEY REFERENCES wire_overrides,
    started_at  timestamptz NOT NULL,
    remind_at   timestamptz NOT NULL,
    escalate_at timestamptz NOT NULL,
    due_at      timestamptz NOT NULL CHECK (due_at > started_at),
    stage       text NOT NULL DEFAULT 'running' CHECK (stage IN ('running', 'reminded', 'escalated', 'breached')),
    finding     text CHECK (finding IN ('justified', 'not_justified')),
    note        text CHECK (length(btrim(note)) BETWEEN 10 AND 4000),
    closed_by   uuid REFERENCES users,
    closed_at   timestamptz,
    CONSTRAINT wire_after_reviews_closed CHECK (num_nulls(finding, note, closed_by, closed_at) IN (0, 4))
);
CREATE INDEX wire_after_reviews_due ON wire_after_reviews (due_at, override_id) WHERE closed_at IS NULL;

-- What an officer has approved within a day, by overrides too.
CREATE OR REPLACE FUNCTION app.approved_in_a_day(officer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN (SELECT coalesce(sum(given.base_minor), 0)::bigint FROM (
        SELECT a.base_minor FROM wire_approvals a WHERE coalesce(a.on_behalf_of, a.officer_id) = officer
            AND a.place IS NOT NULL AND a.created_at > clock_timestamp() - interval '24 hours'
        UNION ALL SELECT o.base_minor FROM wire_overrides o WHERE officer IN (o.proposed_by, o.confirmed_by)
            AND o.confirmed_at > clock_timestamp() - interval '24 hours') AS given);

-- Whether one officer alone may approve that much of that currency now. One at a time for each, so that two wires at once
-- do not both take what is left.
CREATE FUNCTION app.within_limit(officer uuid, minor bigint, currency text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed approver_limits%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('approver/' || officer, 0));
    allowed := app.approver_limit(officer);
    RETURN coalesce(allowed.per_wire_minor IS NULL
            OR minor IS NOT NULL AND allowed.base_currency = currency AND minor <= allowed.per_wire_minor, false)
        AND coalesce(allowed.per_day_minor IS NULL OR minor IS NOT NULL AND allowed.base_currency = currency
            AND minor + app.approved_in_a_day(officer) <= allowed.per_day_minor, false);
END $$;
REVOKE EXECUTE ON FUNCTION app.within_limit(uuid, bigint, text) FROM PUBLIC;

-- An override is proposed while its wire waits for officers, and ends once. Two officers of whom one lends the other their
-- right are one pair of eyes; nobody decides here in another's place.
CREATE FUNCTION app.guard_override() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    wire    wire_transfers%ROWTYPE;
    routing wire_routings%ROWTYPE;
    officer uuid;
    may_end text[] := '{confirmed_by,confirmed_at,passed_over,withdrawn_by,withdrawn_at}';
BEGIN
    SELECT * INTO wire FROM wire_transfers w WHERE w.id = NEW.wire_id FOR UPDATE;
    SELECT * INTO routing FROM wire_routings r WHERE r.wire_id = NEW.wire_id;
    IF TG_OP = 'UPDATE' AND (num_nonnulls(OLD.confirmed_at, OLD.withdrawn_at) > 0
            OR to_jsonb(NEW) - may_end IS DISTINCT FROM to_jsonb(OLD) - may_end)
        OR TG_OP = 'INSERT' AND num_nonnulls(NEW.confirmed_at, NEW.withdrawn_at) > 0 THEN
        RAISE EXCEPTION 'an override is proposed, and confirmed or withdrawn once' USING ERRCODE = 'AU150';
    END IF;
    IF NEW.withdrawn_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF wire.status <> 'awaiting_approval' OR wire.compliance_status <> 'clear' OR app.hits_in(wire.id, '{pending,confirmed}')
        OR wire.content_hash <> NEW.content_hash OR NEW.base_minor IS DISTINCT FROM routing.amount_base_minor THEN
        RAISE EXCEPTION 'wire % is %, screening %: no override passes that', wire.id, wire.status, wire.compliance_status
            USING ERRCODE = 'AU151';
    END IF;
    IF app.same_eyes(NEW.maker_id, NEW.proposed_by, clock_timestamp()) OR NEW.confirmed_by IS NOT NULL AND (
        app.same_eyes(NEW.proposed_by, NEW.confirmed_by, clock_timestamp())
        OR app.same_eyes(NEW.proposed_by, NEW.confirmed_by, NEW.proposed_at)
        OR app.same_eyes(NEW.maker_id, NEW.confirmed_by, clock_timestamp())) THEN
        RAISE EXCEPTION 'one pair of eyes does not look twice at wire %', NEW.wire_id USING ERRCODE = 'AU134';
    END IF;
    IF NEW.confirmed_by IS NOT NULL THEN
        FOREACH officer IN ARRAY ARRAY[least(NEW.proposed_by, NEW.confirmed_by), greatest(NEW.proposed_by, NEW.confirmed_by)] LOOP
            IF NOT app.within_limit(officer, NEW.base_minor, routing.base_currency) THEN
                RAISE EXCEPTION 'more than % may approve', officer USING ERRCODE = 'AU136';
            END IF;
        END LOOP;
        -- The transaction's own moment: what `app.enough_eyes` knows it by.
        NEW.confirmed_at := transaction_timestamp();
        NEW.passed_over := ARRAY(SELECT kind FROM unnest(routing.approvers) WITH ORDINALITY AS asked (kind, place)
            WHERE NOT EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = wire.id AND a.place = asked.place)
            ORDER BY place);
    END IF;
    RETURN NEW;
END $$;
-- After the row's rights were checked, so that a refusal tells nobody how somebody else's wire stands.
CREATE TRIGGER wire_overrides_made AFTER INSERT ON wire_overrides FOR EACH ROW EXECUTE FUNCTION app.guard_override();
CREATE TRIGGER wire_overrides_guard BEFORE UPDATE ON wire_overrides FOR EACH ROW EXECUTE FUNCTION app.guard_override();
CREATE TRIGGER wire_overrides_no_delete BEFORE DELETE ON wire_overrides
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Who looks at an override afterwards has had no part in the wire, nor is one pair of eyes with somebody who had.
CREATE FUNCTION app.guard_after_review() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'an after-review is closed once' USING ERRCODE = 'AU152';
    END IF;
    IF NEW.closed_by IS NOT NULL AND EXISTS (SELECT FROM wire_overrides o, LATERAL (
            SELECT unnest(ARRAY[o.maker_id, o.proposed_by, o.confirmed_by]) AS id
            UNION SELECT unnest(ARRAY[a.officer_id, a.on_behalf_of]) FROM wire_approvals a WHERE a.wire_id = o.wire_id) AS part
        WHERE o.id = NEW.override_id AND (part.id = NEW.closed_by OR app.same_eyes(part.id, NEW.closed_by, clock_timestamp())
            OR app.same_eyes(part.id, NEW.closed_by, o.confirmed_at))) THEN
        RAISE EXCEPTION 'a third person looks at an override afterwards' USING ERRCODE = 'AU134';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wire_after_reviews_guard BEFORE UPDATE ON wire_after_reviews
    FOR EACH ROW EXECUTE FUNCTION app.guard_after_review();
CREATE TRIGGER wire_after_reviews_no_delete BEFORE DELETE ON wire_after_reviews
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON wire_overrides, wire_after_reviews TO aurum_api, aurum_worker;
GRANT INSERT (id, wire_id, maker_id, content_hash, reason, evidence, evidence_hash, base_minor, proposed_by),
    UPDATE (confirmed_by, confirmed_at, withdrawn_by, withdrawn_at) ON wire_overrides TO aurum_api;
GRANT INSERT (override_id, started_at, remind_at, escalate_at, due_at), UPDATE (finding, note, closed_by, closed_at)
    ON wire_after_reviews TO aurum_api;
GRANT UPDATE (stage) ON wire_after_reviews TO aurum_worker;
ALTER TABLE wire_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE wire_after_reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_overrides TO aurum_worker USING (true);
CREATE POLICY worker ON wire_after_reviews TO aurum_worker USING (true);
CREATE POLICY staff ON wire_overrides FOR SELECT TO aurum_api
    USING (app.may('wires:read') AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY proposed ON wire_overrides FOR INSERT TO aurum_api
    WITH CHECK (app.may('wires:approve') AND app.may('wires:high_value') AND app.role() <> 'customer'
                AND maker_id <> app.user_id() AND proposed_by = app.user_id());
CREATE POLICY decided ON wire_overrides FOR UPDATE TO aurum_api
    USING (app.may('wires:approve') AND app.may('wires:high_value') AND app.role() <> 'customer' AND maker_id <> app.user_id())
    WITH CHECK (coalesce(confirmed_by, withdrawn_by) = app.user_id());
CREATE POLICY staff ON wire_after_reviews FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM wire_overrides o WHERE o.id = override_id));
CREATE POLICY opened ON wire_after_reviews FOR INSERT TO aurum_api
    WITH CHECK (EXISTS (SELECT FROM wire_overrides o WHERE o.id = override_id AND o.confirmed_by = app.user_id()));
CREATE POLICY closed ON wire_after_reviews FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.role() <> 'customer') WITH CHECK (closed_by = app.user_id());
