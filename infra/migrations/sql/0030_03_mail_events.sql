-- What whoever delivers our mail has told of it, each thing once, and the addresses that we write to no more.
CREATE TABLE mail_events (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    -- As the provider names it.
    event_id        text NOT NULL UNIQUE CHECK (length(event_id) BETWEEN 1 AND 200),
    notification_id uuid REFERENCES notifications,
    event           text NOT NULL CHECK (event IN ('delivered', 'bounce', 'blocked', 'dropped', 'spam_report',
                                                   'unsubscribe')),
    address         text NOT NULL,
    detail          text NOT NULL DEFAULT '',
    happened_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mail_events_of ON mail_events (notification_id);

-- `unsubscribe` stops what can be done without; anything else stops all but what proves the address anew.
CREATE TABLE mail_suppressions (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    address       text NOT NULL CHECK (address = lower(address)),
    reason        text NOT NULL CHECK (reason IN ('bounce', 'dropped', 'spam_report', 'unsubscribe')),
    detail        text NOT NULL DEFAULT '',
    suppressed_at timestamptz NOT NULL DEFAULT now(),
    lifted_at     timestamptz,
    lifted_by     uuid REFERENCES users,
    lift_reason   text,
    CHECK ((lifted_at IS NULL) = (lift_reason IS NULL))
);
CREATE UNIQUE INDEX mail_suppressions_open ON mail_suppressions (address) WHERE lifted_at IS NULL;
ALTER TABLE notifications ADD COLUMN delivered_at timestamptz;

GRANT SELECT ON mail_events, mail_suppressions TO aurum_api, aurum_worker;
ALTER TABLE mail_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_suppressions ENABLE ROW LEVEL SECURITY;
CREATE POLICY operations ON mail_events FOR SELECT TO aurum_api
    USING (app.may('admin:system') AND app.role() NOT IN ('', 'customer', 'authenticator'));
CREATE POLICY operations ON mail_suppressions FOR SELECT TO aurum_api
    USING (app.may('admin:system') AND app.role() NOT IN ('', 'customer', 'authenticator'));
CREATE POLICY worker ON mail_events FOR SELECT TO aurum_worker USING (true);
CREATE POLICY worker ON mail_suppressions FOR SELECT TO aurum_worker USING (true);

-- Keeps one thing that a provider has told, and what follows from it. `stops` says why its address gets no more mail;
-- `lost` that this letter has not arrived. False where it was told before. Whoever calls it has proved who they are by
-- a signature (api/webhooks.py).
CREATE FUNCTION take_mail_event(told text, letter uuid, what text, to_address text, why text, at timestamptz,
    stops text, lost boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO mail_events (event_id, notification_id, event, address, detail, happened_at)
        VALUES (told, (SELECT n.id FROM notifications n WHERE n.id = letter), what, to_address, why, at)
        ON CONFLICT (event_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF what = 'delivered' THEN
        UPDATE notifications SET delivered_at = at WHERE id = letter AND delivered_at IS NULL;
    END IF;
    IF lost THEN
        -- What its person has to know waits for operations; a letter that was left is left.
        UPDATE notifications SET status = CASE WHEN required THEN 'failed' ELSE 'undeliverable' END,
            reason = why, sent_at = NULL WHERE id = letter AND status IN ('sending', 'sent');
    END IF;
    IF stops IS NOT NULL THEN
        INSERT INTO mail_suppressions (address, reason, detail) VALUES (lower(to_address), stops, why)
            ON CONFLICT (address) WHERE lifted_at IS NULL DO UPDATE
            SET reason = excluded.reason, detail = excluded.detail, suppressed_at = now()
            WHERE mail_suppressions.reason = 'unsubscribe' AND excluded.reason <> 'unsubscribe';
    END IF;
    RETURN true;
END $$;

-- Somebody has just proved that they read the mail of this address.
CREATE FUNCTION lift_proven_address(proven text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    UPDATE mail_suppressions SET lifted_at = now(), lifted_by = app.user_id(),
        lift_reason = 'The address was verified anew'
        WHERE address = lower(proven) AND lifted_at IS NULL AND app.signing_in()
$$;

-- Outcomes: lifted, right_missing, not_found, wrong_state.
CREATE FUNCTION staff_lift_suppression(wanted uuid, why text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    IF NOT app.may('admin:system') OR app.role() IN ('', 'customer', 'authenticator') THEN
        RETURN 'right_missing';
    END IF;
    UPDATE mail_suppressions SET lifted_at = now(), lifted_by = app.user_id(), lift_reason = why
        WHERE id = wanted AND lifted_at IS NULL;
    IF FOUND THEN
        RETURN 'lifted';
    END IF;
    RETURN CASE WHEN EXISTS (SELECT FROM mail_suppressions s WHERE s.id = wanted) THEN 'wrong_state'
        ELSE 'not_found' END;
END $$;
REVOKE EXECUTE ON FUNCTION take_mail_event(text, uuid, text, text, text, timestamptz, text, boolean),
    lift_proven_address(text), staff_lift_suppression(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_mail_event(text, uuid, text, text, text, timestamptz, text, boolean),
    lift_proven_address(text), staff_lift_suppression(uuid, text) TO aurum_api;
