-- How a customer wants to be told: when not to be disturbed, by their own clock, and how often what can wait is put
-- together into one letter.
CREATE TABLE notification_settings (
    user_id     uuid PRIMARY KEY REFERENCES users,
    time_zone   text NOT NULL DEFAULT 'Europe/Amsterdam' CHECK (length(time_zone) BETWEEN 1 AND 64),
    quiet_from  time,
    quiet_until time,
    digest      text NOT NULL DEFAULT 'daily' CHECK (digest IN ('daily', 'weekly')),
    digest_at   time NOT NULL DEFAULT '08:00',
    -- 1 is Monday.
    digest_on   smallint NOT NULL DEFAULT 1 CHECK (digest_on BETWEEN 1 AND 7),
    -- The moment for which the last digest was put together.
    digested_at timestamptz,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    CHECK (quiet_from <> quiet_until)
);
CREATE TABLE notification_choices (
    user_id uuid NOT NULL REFERENCES users,
    topic   text NOT NULL CHECK (length(topic) BETWEEN 1 AND 40),
    in_app  boolean NOT NULL,
    email   text NOT NULL CHECK (email IN ('at_once', 'digest', 'off')),
    PRIMARY KEY (user_id, topic)
);

-- `collected` waits for the next digest, `digested` was in one, `unwanted` its person does not want by e-mail,
-- `undeliverable` its address takes no mail from us.
ALTER TABLE notifications DROP CONSTRAINT notifications_status_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_status_check
    CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'uncertain', 'dismissed', 'collected', 'digested',
                      'unwanted', 'undeliverable'));
ALTER TABLE notifications
    -- The end of the quiet hours that it waits for.
    ADD COLUMN waits_until timestamptz,
    ADD COLUMN collected_at timestamptz,
    ADD COLUMN digest_id uuid REFERENCES notifications,
    ADD CONSTRAINT collected_at_some_time CHECK (status NOT IN ('collected', 'digested') OR collected_at IS NOT NULL),
    ADD CONSTRAINT digested_in_one CHECK ((status = 'digested') = (digest_id IS NOT NULL));
CREATE INDEX notifications_collected ON notifications (user_id, collected_at) WHERE status = 'collected';
CREATE INDEX notifications_quiet ON notifications (user_id) WHERE status = 'waiting' AND waits_until IS NOT NULL;
CREATE INDEX notifications_digest ON notifications (digest_id) WHERE digest_id IS NOT NULL;

GRANT SELECT ON notification_settings, notification_choices TO aurum_api, aurum_worker;
GRANT INSERT (user_id, time_zone, quiet_from, quiet_until, digest, digest_at, digest_on),
    UPDATE (time_zone, quiet_from, quiet_until, digest, digest_at, digest_on) ON notification_settings TO aurum_api;
GRANT INSERT, UPDATE (in_app, email) ON notification_choices TO aurum_api;
GRANT UPDATE (digested_at) ON notification_settings TO aurum_worker;
GRANT UPDATE (waits_until, collected_at, digest_id) ON notifications TO aurum_worker;
ALTER TABLE notification_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_choices ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notification_settings TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY own ON notification_choices TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY worker ON notification_settings TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON notification_choices TO aurum_worker USING (true) WITH CHECK (true);
