-- What people read where they are signed in. A letter with a secret in it (a code, a link that opens something) is for
-- the address that it went to alone: the API's role does not see it, whoever asks.
ALTER TABLE notifications
    ADD COLUMN in_app boolean NOT NULL DEFAULT true,
    ADD COLUMN read_at timestamptz,
    -- Its person cannot do without it (models/notifications.py): where it cannot be delivered, somebody looks after it.
    ADD COLUMN required boolean NOT NULL DEFAULT true;
UPDATE notifications SET in_app = false WHERE event IN ('verify_email', 'password_reset', 'confirm_new_email');
UPDATE notifications SET required = false WHERE event = 'price_alert';

DROP INDEX notifications_user;
CREATE INDEX notifications_of ON notifications (user_id, id DESC);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE in_app AND read_at IS NULL;

DROP POLICY own ON notifications;
CREATE POLICY own ON notifications FOR SELECT TO aurum_api USING (user_id = app.user_id() AND in_app);
CREATE POLICY own_reading ON notifications FOR UPDATE TO aurum_api
    USING (user_id = app.user_id() AND in_app) WITH CHECK (user_id = app.user_id() AND in_app);
GRANT UPDATE (read_at) ON notifications TO aurum_api;
