-- Where a notification stands. `sending` is written before a provider is asked: whoever finds it there does not know
-- whether the message left (activities/notifications.py decides what then).
ALTER TABLE notifications
    ADD COLUMN status text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'uncertain')),
    ADD COLUMN tries integer NOT NULL DEFAULT 0,
    ADD COLUMN doubts integer NOT NULL DEFAULT 0,
    ADD COLUMN reason text NOT NULL DEFAULT '';
UPDATE notifications SET status = 'sent' WHERE sent_at IS NOT NULL;
ALTER TABLE notifications ADD CONSTRAINT sent_once CHECK ((status = 'sent') = (sent_at IS NOT NULL));
CREATE INDEX notifications_left ON notifications (status, created_at) WHERE status IN ('failed', 'uncertain');

GRANT UPDATE (status, tries, doubts, reason) ON notifications TO aurum_worker;

-- An account of an external identity provider is linked by its own person (api/identities.py).
GRANT UPDATE (clerk_user_id) ON users TO aurum_api;
