-- How much one officer may approve: in one wire, and in any 24 hours; minor units of the base currency, null without an
-- end. A person's own row counts before that of their preset, and that before the row for everybody else (preset '*').
CREATE TABLE approver_limits (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    person          uuid UNIQUE REFERENCES users,
    preset          text UNIQUE,
    base_currency   text NOT NULL,
    per_wire_minor  bigint CHECK (per_wire_minor >= 0),
    per_day_minor   bigint CHECK (per_day_minor >= 0),
    updated_by      uuid REFERENCES users,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT approver_limits_of_one CHECK (num_nonnulls(person, preset) = 1)
);
INSERT INTO approver_limits (preset, base_currency, per_wire_minor, per_day_minor) VALUES
    ('*', 'EUR', 500000000, 5000000000),
    ('compliance_officer', 'EUR', 500000000, 5000000000),
    ('senior_compliance_officer', 'EUR', NULL, NULL),
    ('super_admin', 'EUR', NULL, NULL);

CREATE FUNCTION app.approver_limit(officer uuid) RETURNS approver_limits
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    BEGIN ATOMIC
        SELECT l.* FROM approver_limits l LEFT JOIN users u ON u.id = officer
            WHERE l.person = officer OR l.preset = u.preset OR l.preset = '*'
            ORDER BY l.person IS NULL, l.preset = '*' LIMIT 1;
    END;

-- Nobody sets their own limit, nor that of a preset that they have themselves.
CREATE FUNCTION approver_limit_set(of_person uuid, of_preset text, currency text, per_wire bigint, per_day bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF app.role() = 'customer' OR NOT app.may('admin:users') THEN
        RAISE EXCEPTION 'only administrators of people set their limits' USING ERRCODE = 'AU130';
    END IF;
    IF of_person = app.user_id() OR EXISTS (SELECT FROM users u WHERE u.id = app.user_id() AND u.preset = of_preset) THEN
        RAISE EXCEPTION 'nobody sets their own limit' USING ERRCODE = 'AU131';
    END IF;
    IF of_person IS NOT NULL THEN
        INSERT INTO approver_limits (person, base_currency, per_wire_minor, per_day_minor, updated_by)
            VALUES (of_person, currency, per_wire, per_day, app.user_id())
            ON CONFLICT (person) DO UPDATE SET base_currency = currency, per_wire_minor = per_wire,
                per_day_minor = per_day, updated_by = app.user_id(), updated_at = clock_timestamp();
    ELSE
        INSERT INTO approver_limits (preset, base_currency, per_wire_minor, per_day_minor, updated_by)
            VALUES (of_preset, currency, per_wire, per_day, app.user_id())
            ON CONFLICT (preset) DO UPDATE SET base_currency = currency, per_wire_minor = per_wire,
                per_day_minor = per_day, updated_by = app.user_id(), updated_at = clock_timestamp();
    END IF;
END $$;

-- An officer lets another one decide in their place, until `ends_at` or until somebody ends it sooner. `roles` are the
-- places that the delegator could fill when they delegated. The delegate has the right to approve already: what is
-- lent is rank and limit.
CREATE TABLE approver_delegations (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    delegator  uuid NOT NULL REFERENCES users,
    delegate   uuid NOT NULL REFERENCES users CHECK (delegate <> delegator),
    roles      text[] NOT NULL CHECK ('officer' = ANY (roles)),
    starts_at  timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '90 days'),
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    ended_by   uuid REFERENCES users,
    CONSTRAINT approver_delegations_end CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX approver_delegations_delegator ON approver_delegations (delegator, ends_at);
CREATE INDEX approver_delegations_delegate ON approver_delegations (delegate, ends_at);

CREATE FUNCTION app.guard_delegation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.ended_at IS NOT NULL THEN
            RAISE EXCEPTION 'a delegation begins before it ends' USING ERRCODE = 'AU132';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.ended_at IS NOT NULL
        OR to_jsonb(NEW) - ARRAY['ended_at', 'ended_by'] <> to_jsonb(OLD) - ARRAY['ended_at', 'ended_by'] THEN
        RAISE EXCEPTION 'a delegation can be ended once, and nothing else of it changes' USING ERRCODE = 'AU132';
    END IF;
    NEW.ended_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER approver_delegations_guard BEFORE INSERT OR UPDATE ON approver_delegations
    FOR EACH ROW EXECUTE FUNCTION app.guard_delegation();
CREATE TRIGGER approver_delegations_no_delete BEFORE DELETE ON approver_delegations
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Whether one of two officers lends the other their right at that moment: then they are one pair of eyes.
CREATE FUNCTION app.same_eyes(one uuid, other uuid, moment timestamptz) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN EXISTS (SELECT FROM approver_delegations d
        WHERE (d.delegator, d.delegate) IN ((one, other), (other, one))
            AND d.starts_at <= moment AND least(d.ends_at, d.ended_at) > moment);

-- Whose place an approval takes, which place it is, and what the officer saw: the evidence as text, so that its hash can
-- be made again from what is kept.
ALTER TABLE wire_approvals
    ADD COLUMN place integer CHECK (place > 0),
    ADD COLUMN on_behalf_of uuid REFERENCES users CHECK (on_behalf_of <> officer_id),
    ADD COLUMN base_minor bigint,
    ADD COLUMN evidence text,
    ADD COLUMN evidence_hash bytea,
    ADD CONSTRAINT wire_approvals_one_place UNIQUE (wire_id, place),
    ADD CONSTRAINT wire_approvals_behalf_eyes CHECK (on_behalf_of <> maker_id),
    ADD CONSTRAINT wire_approvals_rejects_fill_nothing CHECK (decision = 'approve' OR place IS NULL),
    ADD CONSTRAINT wire_approvals_evidence CHECK (
        (evidence IS NULL) = (evidence_hash IS NULL) AND evidence_hash = sha256(convert_to(evidence, 'UTF8'))
        AND (place IS NULL OR evidence IS NOT NULL));
CREATE INDEX wire_approvals_principal ON wire_approvals ((coalesce(on_behalf_of, officer_id)), created_at);

-- What holds of every approval, whoever writes it: the place is one of the wire's and the officer's, in its turn; two
-- places are never filled by one pair of eyes; nobody approves more than they may.
CREATE FUNCTION app.guard_wire_approval() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    routing   wire_routings%ROWTYPE;
    lent      approver_delegations%ROWTYPE;
    allowed   approver_limits%ROWTYPE;
    principal uuid := coalesce(NEW.on_behalf_of, NEW.officer_id);
    role      text;
BEGIN
    IF NEW.decision <> 'approve' THEN
        RETURN NEW;
    END IF;
    IF NEW.on_behalf_of IS NOT NULL THEN
        SELECT d.* INTO lent FROM approver_delegations d JOIN users u ON u.id = d.delegator
            WHERE d.delegator = NEW.on_behalf_of AND d.delegate = NEW.officer_id AND d.starts_at <= clock_timestamp()
                AND least(d.ends_at, d.ended_at) > clock_timestamp() AND u.status = 'active' AND u.deleted_at IS NULL
            ORDER BY d.ends_at DESC LIMIT 1 FOR SHARE OF d;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no delegation lets % decide for %', NEW.officer_id, NEW.on_behalf_of USING ERRCODE = 'AU133';
        END IF;
    END IF;
    IF app.same_eyes(NEW.maker_id, NEW.officer_id, clock_timestamp())
        OR EXISTS (SELECT FROM wire_approvals a WHERE a.wire_id = NEW.wire_id AND a.decision = 'approve' AND (
            a.officer_id IN (NEW.officer_id, NEW.on_behalf_of) OR a.on_behalf_of IN (NEW.officer_id, NEW.on_behalf_of)
            OR app.same_eyes(a.officer_id, NEW.officer_id, clock_timestamp())
            OR app.same_eyes(a.officer_id, NEW.officer_id, a.created_at)) AND a.officer_id <> NEW.officer_id) THEN
        RAISE EXCEPTION 'one pair of eyes does not look twice at wire %', NEW.wire_id USING ERRCODE = 'AU134';
    END IF;
    IF NEW.place IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT * INTO routing FROM wire_routings r WHERE r.wire_id = NEW.wire_id;
    role := routing.approvers[NEW.place];
    IF role IS NULL OR NEW.base_minor IS DISTINCT FROM routing.amount_base_minor THEN
        RAISE EXCEPTION 'wire % has no place %', NEW.wire_id, NEW.place USING ERRCODE = 'AU135';
    END IF;
    IF role <> 'officer' AND NOT coalesce(role = ANY (lent.roles), false) AND session_user = 'aurum_api'
        AND NOT app.may(CASE role WHEN 'senior' THEN 'wires:high_value' WHEN 'operations' THEN 'admin:system'
                                  ELSE 'admin:compliance' END) THEN
        RAISE EXCEPTION 'place % of wire % is for %', NEW.place, NEW.wire_id, role USING ERRCODE = 'AU135';
    END IF;
    IF routing.in_order AND NEW.place > 1 AND NOT EXISTS (SELECT FROM wire_approvals a
            WHERE a.wire_id = NEW.wire_id AND a.place = NEW.place - 1) THEN
        RAISE EXCEPTION 'place % of wire % is not due yet', NEW.place, NEW.wire_id USING ERRCODE = 'AU135';
    END IF;
    -- One at a time for each officer, so that two wires at once do not both take what is left.
    PERFORM pg_advisory_xact_lock(hashtextextended('approver/' || principal, 0));
    allowed := app.approver_limit(principal);
    IF allowed.per_wire_minor IS NOT NULL AND (NEW.base_minor IS NULL OR allowed.base_currency <> routing.base_currency
            OR NEW.base_minor > allowed.per_wire_minor)
        OR allowed.per_day_minor IS NOT NULL AND (NEW.base_minor IS NULL OR allowed.base_currency <> routing.base_currency
            OR NEW.base_minor + app.approved_in_a_day(principal) > allowed.per_day_minor) THEN
        RAISE EXCEPTION 'more than % may approve', principal USING ERRCODE = 'AU136';
    END IF;
    RETURN NEW;
END $$;
-- As it stands now: 0036_01_overrides.sql.
CREATE FUNCTION app.approved_in_a_day(officer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN (SELECT coalesce(sum(a.base_minor), 0)::bigint FROM wire_approvals a
        WHERE coalesce(a.on_behalf_of, a.officer_id) = officer AND a.place IS NOT NULL
            AND a.created_at > clock_timestamp() - interval '24 hours');
CREATE TRIGGER wire_approvals_guard BEFORE INSERT ON wire_approvals
    FOR EACH ROW EXECUTE FUNCTION app.guard_wire_approval();

GRANT SELECT ON approver_limits, approver_delegations TO aurum_api, aurum_worker;
GRANT INSERT (id, delegator, delegate, roles, starts_at, ends_at, reason), UPDATE (ended_at, ended_by)
    ON approver_delegations TO aurum_api;
REVOKE EXECUTE ON FUNCTION approver_limit_set(uuid, text, text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION approver_limit_set(uuid, text, text, bigint, bigint) TO aurum_api;
ALTER TABLE approver_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE approver_delegations ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON approver_limits FOR SELECT TO aurum_worker USING (true);
CREATE POLICY worker ON approver_delegations FOR SELECT TO aurum_worker USING (true);
CREATE POLICY staff ON approver_limits FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY staff ON approver_delegations FOR SELECT TO aurum_api
    USING (app.may('wires:read') AND app.role() <> 'customer');
CREATE POLICY lent ON approver_delegations FOR INSERT TO aurum_api
    WITH CHECK (delegator = app.user_id() AND app.role() <> 'customer' AND app.may('wires:approve')
                AND (NOT 'senior' = ANY (roles) OR app.may('wires:high_value'))
                AND (NOT 'operations' = ANY (roles) OR app.may('admin:system'))
                AND (NOT 'compliance' = ANY (roles) OR app.may('admin:compliance')));
CREATE POLICY ended ON approver_delegations FOR UPDATE TO aurum_api
    USING (app.role() <> 'customer' AND (delegator = app.user_id() OR app.may('admin:users')))
    WITH CHECK (ended_by = app.user_id());
