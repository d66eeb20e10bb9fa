-- Two roles beside the owner. They log in, and have no password until an operator gives them one.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['aurum_api', 'aurum_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the cluster: another database of it may have made them already
        END;
    END LOOP;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO aurum_api, aurum_worker;

-- Who asks, set per transaction by the API: app.user_id, app.role, app.permissions (comma-separated).
CREATE FUNCTION app.user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.user_id', true), '')::uuid;

CREATE FUNCTION app.role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('app.role', true), '');

CREATE FUNCTION app.may(permission text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN permission = ANY (string_to_array(coalesce(current_setting('app.permissions', true), ''), ','));

-- Set only by the sign-in code of the API, before anybody is signed in.
CREATE FUNCTION app.signing_in() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN app.role() = 'authenticator';

CREATE FUNCTION app.refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it by adding a row', TG_TABLE_NAME
        USING ERRCODE = 'AU100';
END $$;
