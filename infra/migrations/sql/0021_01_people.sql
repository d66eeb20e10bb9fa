-- What operators do to people (contract §12). The API's role may change none of these columns by itself: each act is a
-- function that looks at the right of whoever asks, so that a fault in the API is no way around it.

-- Whether whoever asks may do such a thing to that person: not to themselves, and to staff only with admin:users, so
-- that no operator takes the second factor of somebody who may do more than they.
CREATE FUNCTION app.staff_may_act_on(target uuid, rights text[]) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT CASE
        WHEN app.role() IN ('', 'customer', 'authenticator') THEN 'right_missing'
        WHEN target = app.user_id() THEN 'self'
        WHEN u.id IS NULL THEN 'not_found'
        WHEN app.may('admin:users') THEN NULL
        WHEN u.role <> 'customer' OR NOT EXISTS (SELECT FROM unnest(rights) r WHERE app.may(r)) THEN 'right_missing'
    END
    FROM (SELECT target AS id) asked LEFT JOIN users u ON u.id = asked.id AND u.deleted_at IS NULL
$$;

CREATE FUNCTION staff_freeze_user(target uuid, frozen boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    -- Anybody who watches may stop somebody; to let them go on is for compliance, who know why they were stopped.
    refused text := app.staff_may_act_on(target, CASE WHEN frozen THEN ARRAY['admin:compliance', 'admin:system']
                                                      ELSE ARRAY['admin:compliance'] END);
    wanted  text := CASE WHEN frozen THEN 'frozen' ELSE 'active' END;
    changed boolean;
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    UPDATE users SET status = wanted, updated_at = clock_timestamp() WHERE id = target AND status <> wanted;
    changed := FOUND;
    IF changed AND frozen THEN
        UPDATE sessions s SET revoked_at = clock_timestamp(), revoked_reason = 'frozen'
            FROM users u WHERE u.id = target AND u.role <> 'customer' AND s.user_id = target AND s.revoked_at IS NULL;
    END IF;
    RETURN CASE WHEN changed THEN 'done' ELSE 'unchanged' END;
END $$;

CREATE FUNCTION staff_end_sessions(target uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    refused text := app.staff_may_act_on(target, ARRAY['admin:compliance', 'admin:system']);
    ended   integer;
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'ended_by_staff'
        WHERE user_id = target AND revoked_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended::text;
END $$;

-- Who has lost their second factor begins again with their password alone; whoever holds a session of theirs is out.
CREATE FUNCTION staff_reset_factors(target uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    refused text := app.staff_may_act_on(target, ARRAY['admin:system']);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    DELETE FROM totp_factors WHERE user_id = target AND enabled_at IS NOT NULL;
    IF NOT FOUND THEN
        RETURN 'unchanged';
    END IF;
    DELETE FROM recovery_codes WHERE user_id = target;
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'factors_reset'
        WHERE user_id = target AND revoked_at IS NULL;
    RETURN 'done';
END $$;

-- How somebody signs in, for those who may see people: never a seed, a code or an address.
CREATE FUNCTION staff_user_security(target uuid)
    RETURNS TABLE (two_factor boolean, open_sessions bigint, last_seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT EXISTS (SELECT FROM totp_factors f WHERE f.user_id = target AND f.enabled_at IS NOT NULL),
           (SELECT count(*) FROM sessions s WHERE s.user_id = target AND s.revoked_at IS NULL),
           (SELECT max(s.last_seen_at) FROM sessions s WHERE s.user_id = target)
    WHERE app.role() NOT IN ('', 'customer', 'authenticator') AND (app.may('admin:users') OR app.may('admin:system')
        OR app.may('admin:compliance') OR app.may('admin:reports'))
$$;

REVOKE EXECUTE ON FUNCTION staff_freeze_user(uuid, boolean), staff_end_sessions(uuid), staff_reset_factors(uuid),
    staff_user_security(uuid), app.staff_may_act_on(uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_freeze_user(uuid, boolean), staff_end_sessions(uuid), staff_reset_factors(uuid),
    staff_user_security(uuid) TO aurum_api;

-- Operations find customers too (contract §12).
CREATE POLICY operations ON users FOR SELECT TO aurum_api USING (app.may('admin:system') AND app.role() <> 'customer');

CREATE INDEX users_similar ON users USING gin (lower(first_name || ' ' || last_name || ' ' || email) gin_trgm_ops);

-- The newest people in whose name or address `wanted` stands, or whose id or account number it is. Row level security
-- would keep such a condition away from the index, so the right to see people is looked at here.
CREATE FUNCTION staff_find_users(wanted text, most integer) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT u.id FROM users u
    WHERE app.role() NOT IN ('', 'customer', 'authenticator') AND (app.may('admin:users') OR app.may('admin:system')
            OR app.may('admin:compliance') OR app.may('admin:reports'))
        AND u.deleted_at IS NULL
        AND (lower(u.first_name || ' ' || u.last_name || ' ' || u.email)
                LIKE '%' || replace(replace(replace(lower(wanted), '\', '\\'), '%', '\%'), '_', '\_') || '%'
            OR u.id::text = lower(wanted)
            OR u.id IN (SELECT a.user_id FROM accounts a WHERE a.account_number = upper(replace(wanted, ' ', ''))))
    ORDER BY u.id DESC LIMIT most
$$;
REVOKE EXECUTE ON FUNCTION staff_find_users(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_find_users(text, integer) TO aurum_api;

-- Staff write to the people about whom they decide; what they wrote is not theirs to read.
CREATE POLICY staff ON notifications FOR INSERT TO aurum_api
    WITH CHECK (app.role() NOT IN ('', 'customer', 'authenticator') AND (app.may('admin:users') OR app.may('admin:system')
        OR app.may('admin:compliance') OR app.may('wires:approve') OR app.may('transactions:approve')));
