-- Failures to sign in, in a row, by hashed name (models/tables/backoff.py), and the places where somebody succeeded.
CREATE TABLE sign_in_failures (
    name          bytea PRIMARY KEY CHECK (length(name) = 32),
    counted       text NOT NULL CHECK (counted IN ('account', 'place', 'address')),
    failures      integer NOT NULL CHECK (failures > 0),
    failed_at     timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_age ON sign_in_failures (failed_at);

CREATE TABLE sign_in_places (
    place   bytea PRIMARY KEY CHECK (length(place) = 32),
    seen_at timestamptz NOT NULL
);
CREATE INDEX sign_in_places_age ON sign_in_places (seen_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failures TO aurum_api;
GRANT SELECT, INSERT, UPDATE ON sign_in_places TO aurum_api;
GRANT SELECT, UPDATE, DELETE ON sign_in_failures, sign_in_places TO aurum_worker;

ALTER TABLE sign_in_failures ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_places ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON sign_in_failures TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sign_in_places TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON sign_in_failures TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
CREATE POLICY sign_in ON sign_in_places TO aurum_api USING (app.signing_in()) WITH CHECK (app.signing_in());
