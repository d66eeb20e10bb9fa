-- Whom a wire or a payment goes to, by words. The account that pays is among them, so that one index finds a name in one
-- account of a large bank.
CREATE FUNCTION app.recipient_words(said text, source uuid) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector('simple', said) || array_to_tsvector(ARRAY[source::text]);

CREATE INDEX wire_transfers_words ON wire_transfers USING gin
    (app.recipient_words(recipient_name || ' ' || recipient_bank_name || ' ' || reference || ' wire', sender_account_id));
CREATE INDEX payments_words ON payments USING gin
    (app.recipient_words(recipient_name || ' ' || description || ' ' || reference || ' payment', sender_account_id));

-- The newest transactions of wires and payments that the one who asks has sent from some accounts to somebody so named: by
-- `words`, or written much as `alike`. What came back of them is among them.
CREATE FUNCTION app.transactions_to(words tsquery, alike text, places uuid[], most integer) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SET search_path = public, app, pg_temp AS $$
DECLARE
    mine   uuid[];
    within tsquery;
BEGIN
    SELECT array_agg(a.id), string_agg(quote_literal(a.id), ' | ')::tsquery INTO mine, within
        FROM accounts a WHERE a.id = ANY (places) AND a.user_id = app.user_id();
    IF mine IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT DISTINCT t.id FROM (
            (SELECT w.transaction_id, 'wire/' || w.id || '/return' AS came_back FROM wire_transfers w
             WHERE words IS NOT NULL AND w.transaction_id IS NOT NULL
                 AND recipient_words(w.recipient_name || ' ' || w.recipient_bank_name || ' ' || w.reference || ' wire',
                                     w.sender_account_id) @@ (words && within)
             ORDER BY w.transaction_id DESC LIMIT most)
            UNION ALL
            (SELECT w.transaction_id, 'wire/' || w.id || '/return' FROM wire_transfers w
             WHERE alike IS NOT NULL AND w.user_id = app.user_id() AND w.sender_account_id = ANY (mine)
                 AND w.transaction_id IS NOT NULL AND alike <% w.recipient_name
             ORDER BY w.transaction_id DESC LIMIT most)
            UNION ALL
            (SELECT p.transaction_id, 'payment/' || p.id || '/return' AS came_back FROM payments p
             WHERE words IS NOT NULL AND p.transaction_id IS NOT NULL
                 AND recipient_words(p.recipient_name || ' ' || p.description || ' ' || p.reference || ' payment',
                                     p.sender_account_id) @@ (words && within)
             ORDER BY p.transaction_id DESC LIMIT most)
            UNION ALL
            (SELECT p.transaction_id, 'payment/' || p.id || '/return' FROM payments p
             WHERE alike IS NOT NULL AND p.user_id = app.user_id() AND p.sender_account_id = ANY (mine)
                 AND p.transaction_id IS NOT NULL AND alike <% p.recipient_name
             ORDER BY p.transaction_id DESC LIMIT most)) s
        JOIN transactions t ON t.id = s.transaction_id OR t.idempotency_key = s.came_back
        ORDER BY t.id DESC LIMIT most);
END $$;
REVOKE EXECUTE ON FUNCTION app.transactions_to(tsquery, text, uuid[], integer) FROM PUBLIC;

-- The newest transactions of some accounts in which `wanted` is found: all its words, the last of them perhaps begun, or
-- failing that something written alike. Row level security would keep such conditions away from the indexes, so the
-- right to the accounts is looked at here: whoever asks sees their own, staff with the permission all. Whom a wire or a
-- payment went to is found by its customer alone.
CREATE OR REPLACE FUNCTION transaction_search(wanted text, places uuid[], most integer) RETURNS TABLE (id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed uuid[];
    words   tsquery := websearch_to_tsquery('simple', wanted);
    within  tsquery;
    latest  uuid[];
    named   uuid[];
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
    named := app.transactions_to(words, NULL, places, most);
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
        RETURN QUERY SELECT DISTINCT u.id FROM unnest(latest || named) u(id) ORDER BY u.id DESC LIMIT most;
        RETURN;
    END IF;
    SELECT string_agg(quote_literal(a), ' | ')::tsquery INTO within FROM unnest(allowed) a;
    RETURN QUERY SELECT DISTINCT f.id FROM (
            (SELECT t.id FROM transactions t
             WHERE transaction_words(t.id, t.transaction_type, t.description, t.category, t.metadata, t.from_account_id,
                                     t.to_account_id) @@ (words && within)
                 AND (t.description <> '' OR t.metadata <> '{}')
             ORDER BY t.id DESC LIMIT most)
            UNION ALL SELECT unnest(named)) f
        ORDER BY f.id DESC LIMIT most;
    IF NOT FOUND THEN
        named := app.transactions_to(NULL, wanted, places, most);
        RETURN QUERY SELECT DISTINCT f.id FROM (
                (SELECT t.id FROM transactions t
                 WHERE wanted <% t.description AND t.description <> ''
                     AND (t.from_account_id = ANY (allowed) OR t.to_account_id = ANY (allowed))
                 ORDER BY t.id DESC LIMIT most)
                UNION ALL SELECT unnest(named)) f
            ORDER BY f.id DESC LIMIT most;
    END IF;
END $$;
