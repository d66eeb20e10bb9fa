-- A call-back: for a wire over an amount to somebody new, an officer asks the customer on a number that the bank knew
-- before the order (reference/banking.md §6.6). From which amount on is a part of the approval matrix.
ALTER TABLE approval_matrices ADD COLUMN call_back_over bigint CHECK (call_back_over > 0);
ALTER TABLE wire_routings ADD COLUMN call_back boolean NOT NULL DEFAULT false;

-- Since when the bank has known somebody's telephone number. Whoever takes over an account changes the number first.
ALTER TABLE users ADD COLUMN phone_since timestamptz;
UPDATE users SET phone_since = updated_at WHERE phone IS NOT NULL;
CREATE FUNCTION app.note_phone() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.phone IS DISTINCT FROM OLD.phone THEN
        NEW.phone_since := CASE WHEN NEW.phone IS NOT NULL THEN clock_timestamp() END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_note_phone BEFORE INSERT OR UPDATE OF phone ON users FOR EACH ROW EXECUTE FUNCTION app.note_phone();

CREATE TABLE wire_call_backs (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id      uuid NOT NULL,
    maker_id     uuid NOT NULL,
    content_hash bytea NOT NULL,
    number       text NOT NULL,
    known_since  timestamptz NOT NULL,
    spoken_to    text NOT NULL CHECK (length(btrim(spoken_to)) BETWEEN 2 AND 200),
    -- `denied`: the customer did not order it. That is for good.
    result       text NOT NULL CHECK (result IN ('confirmed', 'denied', 'not_reached')),
    note         text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    called_by    uuid NOT NULL REFERENCES users,
    called_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT wire_call_backs_four_eyes CHECK (called_by <> maker_id)
);
CREATE INDEX wire_call_backs_of_wire ON wire_call_backs (wire_id, called_at);
CREATE TRIGGER wire_call_backs_append_only BEFORE UPDATE OR DELETE ON wire_call_backs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- A call is made while officers still decide, of this order, on the customer's own number, which was on file a day before.
CREATE FUNCTION app.guard_call_back() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    PERFORM FROM wire_transfers w JOIN users u ON u.id = w.user_id WHERE w.id = NEW.wire_id
        AND w.status IN ('awaiting_approval', 'info_requested') AND w.content_hash = NEW.content_hash
        AND u.phone = NEW.number AND u.phone_since = NEW.known_since
        AND NEW.known_since <= w.created_at - interval '24 hours';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this is no call-back about wire %', NEW.wire_id USING ERRCODE = 'AU155';
    END IF;
    IF app.same_eyes(NEW.maker_id, NEW.called_by, clock_timestamp()) THEN
        RAISE EXCEPTION 'one pair of eyes does not look twice at wire %', NEW.wire_id USING ERRCODE = 'AU134';
    END IF;
    RETURN NEW;
END $$;
-- After the row's rights were checked, so that a refusal tells nobody how somebody else's wire stands.
CREATE TRIGGER wire_call_backs_made AFTER INSERT ON wire_call_backs FOR EACH ROW EXECUTE FUNCTION app.guard_call_back();

-- Whether a wire has the call-back that its routing asks for: the customer has confirmed it, and has not denied it.
CREATE FUNCTION app.called_back(wire uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp
    RETURN NOT EXISTS (SELECT FROM wire_routings r WHERE r.wire_id = wire AND r.call_back)
        OR coalesce((SELECT bool_or(c.result = 'confirmed') AND NOT bool_or(c.result = 'denied')
            FROM wire_call_backs c WHERE c.wire_id = wire), false);

-- Nobody approves before the call, and whoever made it does not approve alone.
CREATE FUNCTION app.guard_called_back() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    wanted uuid := CASE TG_TABLE_NAME WHEN 'wire_transfers' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'wire_id')::uuid END;
BEGIN
    IF NOT app.called_back(wanted) THEN
        RAISE EXCEPTION 'wire % is not approved before the customer is called back', wanted USING ERRCODE = 'AU156';
    END IF;
    IF TG_TABLE_NAME = 'wire_transfers' AND EXISTS (SELECT FROM wire_routings r WHERE r.wire_id = wanted AND r.call_back)
        AND NOT EXISTS (SELECT FROM wire_call_backs c, LATERAL (
                SELECT a.officer_id AS id, a.created_at AS at FROM wire_approvals a
                    WHERE a.wire_id = wanted AND a.place IS NOT NULL
                UNION SELECT unnest(ARRAY[o.proposed_by, o.confirmed_by]), o.confirmed_at FROM wire_overrides o
                    WHERE o.wire_id = wanted AND o.confirmed_at IS NOT NULL) AS approver
            WHERE c.wire_id = wanted AND c.result = 'confirmed' AND approver.id <> c.called_by
                AND NOT app.same_eyes(approver.id, c.called_by, approver.at)) THEN
        RAISE EXCEPTION 'whoever called about wire % does not approve it alone', wanted USING ERRCODE = 'AU134';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wire_approvals_called_back BEFORE INSERT ON wire_approvals
    FOR EACH ROW WHEN (NEW.decision = 'approve') EXECUTE FUNCTION app.guard_called_back();
CREATE TRIGGER wire_overrides_called_back AFTER INSERT ON wire_overrides
    FOR EACH ROW EXECUTE FUNCTION app.guard_called_back();
CREATE TRIGGER wire_transfers_called_back BEFORE UPDATE ON wire_transfers
    FOR EACH ROW WHEN (NEW.status = 'approved' AND OLD.status <> 'approved') EXECUTE FUNCTION app.guard_called_back();

GRANT SELECT ON wire_call_backs TO aurum_api, aurum_worker;
GRANT INSERT (id, wire_id, maker_id, content_hash, number, known_since, spoken_to, result, note, called_by)
    ON wire_call_backs TO aurum_api;
ALTER TABLE wire_call_backs ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_call_backs TO aurum_worker USING (true);
CREATE POLICY staff ON wire_call_backs FOR SELECT TO aurum_api
    USING (app.may('wires:read') AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY called ON wire_call_backs FOR INSERT TO aurum_api
    WITH CHECK (app.may('wires:approve') AND app.role() <> 'customer' AND maker_id <> app.user_id()
                AND called_by = app.user_id());

