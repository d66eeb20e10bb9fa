-- Words of a transaction, and its accounts among them, so that one index finds a word in one account of a large bank.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE FUNCTION app.transaction_words(id uuid, kind text, description text, category text, metadata jsonb, source uuid,
                                      target uuid) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector('simple', description || ' ' || coalesce(category, '') || ' ' || kind || ' tx'
            || "right"(replace(id::text, '-', ''), 16) || ' ' || coalesce(metadata ->> 'from_account_number', '') || ' '
            || coalesce(metadata ->> 'to_account_number', ''))
        || array_to_tsvector(array_remove(ARRAY[source::text, target::text], NULL));

-- Entries without a text or facts of their own, those of bulk postings, cost these indexes nothing.
CREATE INDEX transactions_words ON transactions
    USING gin (app.transaction_words(id, transaction_type, description, category, metadata, from_account_id, to_account_id))
    WHERE description <> '' OR metadata <> '{}';
CREATE INDEX transactions_similar ON transactions USING gin (description gin_trgm_ops) WHERE description <> '';

-- The newest transactions of some accounts in which `wanted` is found: all its words, the last of them perhaps begun, or
-- failing that something written alike. Row level security would keep such conditions away from the indexes, so the
-- right to the accounts is looked at here: whoever asks sees their own, staff with the permission all.
-- As it stands now: 0012_04_recipients.sql.
CREATE FUNCTION transaction_search(wanted text, places uuid[], most integer) RETURNS TABLE (id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed uuid[];
    words   tsquery := websearch_to_tsquery('simple', wanted);
    within  tsquery;
    latest  uuid[];
BEGIN
    SELECT array_agg(a.id) INTO allowed FROM accounts a WHERE a.id = ANY (places)
        AND (a.user_id = app.user_id() OR app.may('transactions:read') AND app.role() <> 'customer');
    -- Nothing but signs, or nothing at all, is found nowhere.
    IF allowed IS NULL OR numnode(words) = 0 THEN
        RETURN;
    END IF;
    IF words::text ~ '''$' THEN
        words := (words::text || ':*')::tsquery;
    END IF;
    -- A word that is everywhere is among the newest, where it is found without collecting every place it is at.
    SELECT array_agg(f.id) INTO latest FROM (
        SELECT DISTINCT t.id FROM unnest(allowed) a(id)
        CROSS JOIN LATERAL (SELECT p.transaction_id FROM postings p WHERE p.account_id = a.id AND p.account_version IS NOT NULL
                            ORDER BY p.account_version DESC LIMIT 300) p
        JOIN transactions t ON t.id = p.transaction_id
        WHERE transaction_words(t.id, t.transaction_type, t.description, t.category, t.metadata, t.from_account_id,
                                t.to_account_id) @@ words
        ORDER BY t.id DESC LIMIT most) f;
    IF cardinality(allowed) = 1 AND cardinality(latest) = most THEN
        RETURN QUERY SELECT unnest(latest);
        RETURN;
    END IF;
    SELECT string_agg(quote_literal(a), ' | ')::tsquery INTO within FROM unnest(allowed) a;
    RETURN QUERY SELECT t.id FROM transactions t
        WHERE transaction_words(t.id, t.transaction_type, t.description, t.category, t.metadata, t.from_account_id,
                                t.to_account_id) @@ (words && within)
            AND (t.description <> '' OR t.metadata <> '{}')
        ORDER BY t.id DESC LIMIT most;
    IF NOT FOUND THEN
        RETURN QUERY SELECT t.id FROM transactions t
            WHERE wanted <% t.description AND t.description <> ''
                AND (t.from_account_id = ANY (allowed) OR t.to_account_id = ANY (allowed))
            ORDER BY t.id DESC LIMIT most;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION transaction_search(text, uuid[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION transaction_search(text, uuid[], integer) TO aurum_api, aurum_worker;
