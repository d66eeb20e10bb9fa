-- The journal: a header for each entry, and its legs. Both are append-only; a correction is another entry.
CREATE TABLE transactions (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    reference_number text GENERATED ALWAYS AS ('TX' || upper("right"(replace(id::text, '-', ''), 16))) VIRTUAL,
    transaction_type text NOT NULL,
    from_account_id  uuid,
    to_account_id    uuid,
    amount_minor     bigint NOT NULL CHECK (amount_minor > 0),
    currency         text NOT NULL,
    exponent         smallint NOT NULL,
    amount           numeric GENERATED ALWAYS AS (round(amount_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    exchange_rate    numeric,
    fee_minor        bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    fee              numeric GENERATED ALWAYS AS (round(fee_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    status           text NOT NULL DEFAULT 'completed'
        CHECK (status IN ('pending', 'completed', 'failed', 'cancelled', 'reversed')),
    description      text NOT NULL DEFAULT '',
    category         text,
    metadata         jsonb NOT NULL DEFAULT '{}',
    value_date       date NOT NULL DEFAULT current_date,
    reversal_of      uuid REFERENCES transactions,
    idempotency_key  text NOT NULL UNIQUE CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    content_hash     bytea NOT NULL CHECK (length(content_hash) = 32),
    processed_at     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- No foreign key to accounts: it would lock the row of the bank's own accounts on every entry. ledger_post is the only
-- writer, and refuses an account that does not exist.
CREATE TABLE postings (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id      uuid NOT NULL REFERENCES transactions,
    leg                 smallint NOT NULL CHECK (leg > 0),
    account_id          uuid NOT NULL,
    currency            text NOT NULL,
    amount_minor        bigint NOT NULL CHECK (amount_minor <> 0),
    balance_after_minor bigint,
    account_version     bigint,
    created_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT postings_one_leg UNIQUE (transaction_id, leg),
    -- A lost update would give two postings the same version of their account, and is refused here.
    CONSTRAINT postings_no_lost_update UNIQUE (account_id, account_version),
    CONSTRAINT postings_balance_has_version CHECK ((balance_after_minor IS NULL) = (account_version IS NULL))
);

-- Legs sum to zero per entry and currency. Checked once per statement over the rows it inserted, for every writer,
-- the owner included: stricter than a deferred row trigger, and one scan instead of one query per leg (decision 0003).
CREATE FUNCTION app.legs_sum_to_zero() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT p.transaction_id, p.currency, sum(p.amount_minor) AS total INTO broken
        FROM inserted p GROUP BY p.transaction_id, p.currency HAVING sum(p.amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'legs of transaction % sum to % %, not to zero', broken.transaction_id, broken.total, broken.currency
            USING ERRCODE = 'AU101';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER postings_sum_to_zero AFTER INSERT ON postings
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION app.legs_sum_to_zero();

CREATE TRIGGER transactions_append_only BEFORE UPDATE OR DELETE ON transactions
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER transactions_no_truncate BEFORE TRUNCATE ON transactions EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER postings_no_truncate BEFORE TRUNCATE ON postings EXECUTE FUNCTION app.refuse_change();

-- One entry of a batch, and one leg. `captures` names a hold that this entry turns into a debit. `on_behalf_of` is the
-- customer whose accounts may be debited; only the worker may leave it empty and act for the bank.
CREATE TYPE ledger_entry AS (
    ord integer, id uuid, key text, hash text, kind text, amount_minor bigint, currency text, exponent smallint,
    from_account_id uuid, to_account_id uuid, fee_minor bigint, description text, category text, metadata jsonb,
    value_date date, reversal_of uuid, captures uuid, on_behalf_of uuid
);
CREATE TYPE ledger_leg AS (ord integer, leg smallint, account_id uuid, amount_minor bigint);

-- The one writer of the ledger. Takes a batch of entries, gives each its own outcome:
--   posted, replayed (same key and content: the stored entry), or a refusal: idempotency_conflict, account_not_found,
--   unbalanced, currency_mismatch, account_unusable, not_permitted, hold_not_open, insufficient_funds.
-- A refused entry leaves no trace; the others of its batch are not disturbed. Locks: accounts in id order, then holds.
CREATE FUNCTION ledger_post(batch_entries jsonb, batch_legs jsonb)
    RETURNS TABLE (entry_ord integer, transaction_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    entries  ledger_entry[];
    legs     ledger_leg[];
    outcomes text[];
    stored   uuid[];
    broke    integer;
    trusted  constant boolean := session_user <> 'aurum_api';
BEGIN
    SELECT array_agg(e ORDER BY e.ord) INTO entries FROM jsonb_populate_recordset(NULL::ledger_entry, batch_entries) e;
    SELECT array_agg(l ORDER BY l.ord, l.leg) INTO legs FROM jsonb_populate_recordset(NULL::ledger_leg, batch_legs) l;
    IF entries IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM unnest(entries) e GROUP BY e.key HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'an idempotency key occurs twice in one batch' USING ERRCODE = 'AU102';
    END IF;
    IF EXISTS (SELECT FROM unnest(entries) e WHERE e.captures IS NOT NULL GROUP BY e.captures HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'a hold is captured twice in one batch' USING ERRCODE = 'AU103';
    END IF;
    outcomes := array_fill(NULL::text, ARRAY[cardinality(entries)]);
    stored := array_fill(NULL::uuid, ARRAY[cardinality(entries)]);

    PERFORM FROM accounts a WHERE a.floor_minor IS NOT NULL AND a.id IN (SELECT l.account_id FROM unnest(legs) l)
        ORDER BY a.id FOR NO KEY UPDATE;
    PERFORM FROM holds h WHERE h.id IN (SELECT e.captures FROM unnest(entries) e WHERE e.captures IS NOT NULL)
        ORDER BY h.id FOR UPDATE;

    -- What can be said of an entry without regard to the others.
    SELECT array_agg(v.verdict ORDER BY v.ord), array_agg(v.known ORDER BY v.ord) INTO outcomes, stored FROM (
        SELECT e.ord, t.id AS known, CASE
            WHEN t.id IS NOT NULL AND t.content_hash = decode(e.hash, 'hex') THEN 'replayed'
            WHEN t.id IS NOT NULL THEN 'idempotency_conflict'
            WHEN f.legs < 2 OR f.legs IS NULL OR f.missing THEN 'account_not_found'
            WHEN f.foreign_currency THEN 'currency_mismatch'
            WHEN f.lopsided THEN 'unbalanced'
            WHEN NOT trusted AND (e.on_behalf_of IS NULL OR e.captures IS NOT NULL OR e.reversal_of IS NOT NULL) THEN 'not_permitted'
            WHEN f.foreign_debit THEN 'not_permitted'
            WHEN e.captures IS NOT NULL AND NOT coalesce(h.status = 'open' AND f.debits_held, false) THEN 'hold_not_open'
            WHEN f.closed OR (f.frozen AND e.captures IS NULL AND e.on_behalf_of IS NOT NULL) THEN 'account_unusable'
        END AS verdict
        FROM unnest(entries) e
        LEFT JOIN transactions t ON t.idempotency_key = e.key
        LEFT JOIN holds h ON h.id = e.captures
        LEFT JOIN LATERAL (
            SELECT count(*) AS legs, bool_or(a.id IS NULL) AS missing, sum(l.amount_minor) <> 0 AS lopsided,
                bool_or(a.currency <> e.currency) AS foreign_currency,
                bool_or(l.amount_minor < 0 AND e.on_behalf_of IS NOT NULL
                        AND a.user_id IS DISTINCT FROM e.on_behalf_of) AS foreign_debit,
                bool_or(l.amount_minor < 0 AND a.id = h.account_id) AS debits_held,
                bool_or(a.status = 'closed') AS closed,
                bool_or(a.status = 'frozen' AND l.amount_minor < 0) AS frozen
            FROM unnest(legs) l LEFT JOIN accounts a ON a.id = l.account_id WHERE l.ord = e.ord
        ) f ON true
    ) v;

    -- Entries count in their order: the first that would take an account below its floor is refused, and those after
    -- it are looked at again without it.
    LOOP
        SELECT min(r.ord) INTO broke FROM (
            SELECT m.ord, m.change, a.posted_minor - a.held_minor - a.floor_minor
                + sum(m.change) OVER (PARTITION BY m.account_id ORDER BY m.ord) AS room
            FROM (
                SELECT c.ord, c.account_id, sum(c.change)::bigint AS change FROM (
                    SELECT l.ord, l.account_id, l.amount_minor AS change FROM unnest(legs) l WHERE outcomes[l.ord] IS NULL
                    UNION ALL
                    SELECT e.ord, h.account_id, h.amount_minor FROM unnest(entries) e JOIN holds h ON h.id = e.captures
                        WHERE outcomes[e.ord] IS NULL
                ) c GROUP BY c.ord, c.account_id
            ) m JOIN accounts a ON a.id = m.account_id WHERE a.floor_minor IS NOT NULL
        ) r WHERE r.room < 0 AND r.change < 0;
        EXIT WHEN broke IS NULL;
        outcomes[broke] := 'insufficient_funds';
    END LOOP;

    INSERT INTO transactions (id, transaction_type, from_account_id, to_account_id, amount_minor, currency, exponent,
                              fee_minor, description, category, metadata, value_date, reversal_of, idempotency_key, content_hash)
        SELECT e.id, e.kind, e.from_account_id, e.to_account_id, e.amount_minor, e.currency, e.exponent,
               coalesce(e.fee_minor, 0), coalesce(e.description, ''), e.category, coalesce(e.metadata, '{}'),
               coalesce(e.value_date, current_date), e.reversal_of, e.key, decode(e.hash, 'hex')
        FROM unnest(entries) e WHERE outcomes[e.ord] IS NULL;

    INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor, balance_after_minor, account_version)
        SELECT entries[l.ord].id, l.leg, l.account_id, a.currency, l.amount_minor,
            CASE WHEN a.floor_minor IS NOT NULL THEN
                a.posted_minor + sum(l.amount_minor) OVER by_account END,
            CASE WHEN a.floor_minor IS NOT NULL THEN a.version + row_number() OVER by_account END
        FROM unnest(legs) l JOIN accounts a ON a.id = l.account_id WHERE outcomes[l.ord] IS NULL
        WINDOW by_account AS (PARTITION BY l.account_id ORDER BY l.ord, l.leg ROWS UNBOUNDED PRECEDING);

    UPDATE accounts a SET posted_minor = a.posted_minor + d.total, version = a.version + d.legs,
                          held_minor = a.held_minor - d.captured
        FROM (
            SELECT c.account_id, sum(c.amount)::bigint AS total, sum(c.legs)::bigint AS legs,
                   sum(c.captured)::bigint AS captured FROM (
                SELECT l.account_id, l.amount_minor AS amount, 1 AS legs, 0 AS captured
                    FROM unnest(legs) l WHERE outcomes[l.ord] IS NULL
                UNION ALL
                SELECT h.account_id, 0, 0, h.amount_minor FROM unnest(entries) e JOIN holds h ON h.id = e.captures
                    WHERE outcomes[e.ord] IS NULL
            ) c GROUP BY c.account_id
        ) d WHERE a.id = d.account_id AND a.floor_minor IS NOT NULL;

    UPDATE holds h SET status = 'captured', closed_at = now()
        FROM unnest(entries) e WHERE h.id = e.captures AND outcomes[e.ord] IS NULL;

    RETURN QUERY SELECT e.ord, coalesce(stored[e.ord], CASE WHEN outcomes[e.ord] IS NULL THEN e.id END),
                        coalesce(outcomes[e.ord], 'posted') FROM unnest(entries) e;
END $$;

-- Sets money aside for a process. Called again for the same owner it returns the hold that is there.
-- Outcomes: placed, replayed, account_not_found, account_unusable, insufficient_funds, hold_conflict.
CREATE FUNCTION hold_place(wanted_account uuid, wanted_minor bigint, wanted_owner_kind text, wanted_owner uuid,
                           on_behalf_of uuid)
    RETURNS TABLE (hold_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    account accounts%ROWTYPE;
    present holds%ROWTYPE;
    made    uuid;
BEGIN
    SELECT * INTO account FROM accounts a WHERE a.id = wanted_account AND a.floor_minor IS NOT NULL
        AND (on_behalf_of IS NULL AND session_user <> 'aurum_api' OR a.user_id = on_behalf_of) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::uuid, 'account_not_found';
        RETURN;
    END IF;
    SELECT * INTO present FROM holds h WHERE h.owner_kind = wanted_owner_kind AND h.owner_id = wanted_owner;
    IF FOUND THEN
        RETURN QUERY SELECT present.id, CASE WHEN present.account_id = wanted_account AND present.amount_minor = wanted_minor
            THEN 'replayed' ELSE 'hold_conflict' END;
        RETURN;
    END IF;
    IF account.status <> 'active' THEN
        RETURN QUERY SELECT NULL::uuid, 'account_unusable';
        RETURN;
    END IF;
    IF account.posted_minor - account.held_minor - account.floor_minor < wanted_minor THEN
        RETURN QUERY SELECT NULL::uuid, 'insufficient_funds';
        RETURN;
    END IF;
    INSERT INTO holds (account_id, amount_minor, owner_kind, owner_id)
        VALUES (wanted_account, wanted_minor, wanted_owner_kind, wanted_owner) RETURNING id INTO made;
    UPDATE accounts SET held_minor = held_minor + wanted_minor WHERE id = wanted_account;
    RETURN QUERY SELECT made, 'placed';
END $$;

-- Gives held money back. True if this call did it, false if the hold was closed before or never was.
CREATE FUNCTION hold_release(wanted_owner_kind text, wanted_owner uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    present holds%ROWTYPE;
BEGIN
    PERFORM FROM accounts a JOIN holds h ON h.account_id = a.id
        WHERE h.owner_kind = wanted_owner_kind AND h.owner_id = wanted_owner FOR NO KEY UPDATE OF a;
    SELECT * INTO present FROM holds h WHERE h.owner_kind = wanted_owner_kind AND h.owner_id = wanted_owner FOR UPDATE;
    IF NOT FOUND OR present.status <> 'open' THEN
        RETURN false;
    END IF;
    UPDATE holds SET status = 'released', closed_at = now() WHERE id = present.id;
    UPDATE accounts SET held_minor = held_minor - present.amount_minor WHERE id = present.account_id;
    RETURN true;
END $$;

-- The bank's own account for a purpose and currency, opened on first use. They have no owner and no floor.
CREATE FUNCTION ledger_internal_account(wanted_purpose text, wanted_currency text, wanted_exponent smallint) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    found uuid;
BEGIN
    SELECT a.id INTO found FROM accounts a
        WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
    IF found IS NULL THEN
        IF wanted_purpose NOT IN ('nostro', 'fees', 'opening', 'blocked', 'suspense', 'clearing') THEN
            RAISE EXCEPTION 'the bank keeps no account for %', wanted_purpose USING ERRCODE = 'AU104';
        END IF;
        INSERT INTO accounts (account_number, account_type, purpose, currency, exponent, name)
            VALUES ('AURUM-' || upper(wanted_purpose) || '-' || wanted_currency, 'internal', wanted_purpose,
                    wanted_currency, wanted_exponent, initcap(wanted_purpose) || ' ' || wanted_currency)
            ON CONFLICT DO NOTHING RETURNING id INTO found;
        IF found IS NULL THEN -- another transaction opened it, and has committed by now
            SELECT a.id INTO found FROM accounts a
                WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
        END IF;
    END IF;
    RETURN found;
END $$;

-- What the books say, for a balance of any account, the bank's own included.
CREATE VIEW ledger_balances WITH (security_invoker = true) AS
    SELECT a.id AS account_id, a.user_id, a.account_number, a.account_type, a.purpose, a.currency, a.exponent,
           CASE WHEN a.floor_minor IS NOT NULL THEN a.posted_minor
                ELSE (SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM postings p WHERE p.account_id = a.id) END AS posted_minor,
           a.held_minor
    FROM accounts a;

-- Everything that has to hold at any moment; each row that comes back is a breach (design §3).
CREATE FUNCTION ledger_proof() RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'postings_sum_to_zero', p.currency, 0::bigint, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT 'balance_is_sum_of_postings', a.account_number, coalesce(s.total, 0), a.posted_minor
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM postings GROUP BY account_id) s ON s.account_id = a.id
        WHERE a.floor_minor IS NOT NULL AND a.posted_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'held_is_sum_of_open_holds', a.account_number, coalesce(s.total, 0), a.held_minor
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM holds WHERE status = 'open' GROUP BY account_id) s
            ON s.account_id = a.id
        WHERE a.held_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'entry_has_legs', t.id::text, 2, 0 FROM transactions t
        WHERE NOT EXISTS (SELECT FROM postings p WHERE p.transaction_id = t.id)
$$;

REVOKE EXECUTE ON FUNCTION ledger_post(jsonb, jsonb), hold_place(uuid, bigint, text, uuid, uuid),
    hold_release(text, uuid), ledger_internal_account(text, text, smallint), ledger_proof() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post(jsonb, jsonb), hold_place(uuid, bigint, text, uuid, uuid),
    hold_release(text, uuid), ledger_internal_account(text, text, smallint) TO aurum_api, aurum_worker;
GRANT EXECUTE ON FUNCTION ledger_proof() TO aurum_worker;
GRANT SELECT ON transactions, postings, ledger_balances TO aurum_api, aurum_worker;

ALTER TABLE transactions ENABLE ROW LEVEL SECURITY;
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON transactions FOR SELECT TO aurum_worker USING (true);
CREATE POLICY worker ON postings FOR SELECT TO aurum_worker USING (true);
CREATE POLICY own ON transactions FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM accounts a WHERE a.id IN (from_account_id, to_account_id) AND a.user_id = app.user_id()));
CREATE POLICY staff ON transactions FOR SELECT TO aurum_api USING (app.may('transactions:read') AND app.role() <> 'customer');
CREATE POLICY own ON postings FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM accounts a WHERE a.id = account_id AND a.user_id = app.user_id()));
CREATE POLICY staff ON postings FOR SELECT TO aurum_api USING (app.may('transactions:read') AND app.role() <> 'customer');
