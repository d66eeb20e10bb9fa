-- Calendars of banks and of our own desk: hours here, and in calendar_days what is unlike an ordinary day. Filled by rule
-- (models/calendar_rules.py) when a worker starts and every day; days past `days_until` are unknown, not open.
CREATE TABLE bank_calendars (
    calendar   text PRIMARY KEY,
    name       text NOT NULL,
    zone       text NOT NULL,
    opens      time,
    -- Ours, before the rail's own: the first moment that is too late.
    cut_off    time,
    days_until date NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bank_calendars_hours CHECK ((opens IS NULL) = (cut_off IS NULL) AND opens < cut_off)
);
ALTER TABLE calendar_days
    -- NULL: closed all day. Otherwise an early close, local time.
    ADD COLUMN closes time,
    -- What an operator says stands before what the rule says, and is never overwritten by it.
    ADD COLUMN source text NOT NULL DEFAULT 'rule' CHECK (source IN ('rule', 'operator')),
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

GRANT SELECT ON bank_calendars TO aurum_api, aurum_worker;
GRANT INSERT, UPDATE ON bank_calendars TO aurum_worker;
GRANT INSERT (calendar, day, name, closes) ON calendar_days TO aurum_worker;
