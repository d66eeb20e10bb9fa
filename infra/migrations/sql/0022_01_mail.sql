-- Letters that were refused, or of which nobody knows whether they left, wait for a person: who sends them again, or
-- says why not.
ALTER TABLE notifications DROP CONSTRAINT notifications_status_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_status_check
    CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'uncertain', 'dismissed'));

-- Operations see what was written to whom; secrets in it are sealed until it is sent, and gone afterwards.
CREATE POLICY operations ON notifications FOR SELECT TO aurum_api
    USING (app.may('admin:system') AND app.role() NOT IN ('', 'customer', 'authenticator'));

-- Outcomes: the number of tries so far, or right_missing, not_found, wrong_state, secret_gone.
CREATE FUNCTION staff_settle_notification(wanted uuid, again boolean, why text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    letter notifications%ROWTYPE;
BEGIN
    IF NOT app.may('admin:system') OR app.role() IN ('', 'customer', 'authenticator') THEN
        RETURN 'right_missing';
    END IF;
    SELECT * INTO letter FROM notifications n WHERE n.id = wanted FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'not_found';
    END IF;
    IF letter.status NOT IN ('failed', 'uncertain') THEN
        RETURN 'wrong_state';
    END IF;
    IF again AND letter.secret_sealed IS NULL AND letter.body LIKE '%{hidden}%' THEN
        RETURN 'secret_gone';
    END IF;
    -- A person has looked: what was doubted before is settled.
    UPDATE notifications SET status = CASE WHEN again THEN 'waiting' ELSE 'dismissed' END, reason = why, doubts = 0
        WHERE id = wanted;
    RETURN letter.tries::text;
END $$;
REVOKE EXECUTE ON FUNCTION staff_settle_notification(uuid, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_settle_notification(uuid, boolean, text) TO aurum_api;
