-- The journal: a header for each entry, and its legs. Both are append-only; a correction is another entry.
CREATE TABLE transactions (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    reference_number text GENERATED ALWAYS AS ('TX' || upper("right"(replace(id::text, '-', ''), 16))) VIRTUAL,
    transaction_type text NOT NULL,
    from_account_id  uuid,
    to_account_id    uuid,
    amount_minor     bigint NOT NULL,
    currency         text NOT NULL,
    exponent         smallint NOT NULL,
    amount           numeric GENERATED ALWAYS AS (round(amount_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    exchange_rate    numeric,
    fee_minor        bigint NOT NULL DEFAULT 0,
    fee              numeric GENERATED ALWAYS AS (round(fee_minor / 10::numeric ^ exponent::numeric, exponent::integer)) VIRTUAL,
    status           text NOT NULL DEFAULT 'completed',
    description      text NOT NULL DEFAULT '',
    category         text,
    metadata         jsonb NOT NULL DEFAULT '{}',
    value_date       date NOT NULL DEFAULT current_date,
    reversal_of      uuid REFERENCES transactions,
    idempotency_key  text NOT NULL UNIQUE,
    content_hash     bytea NOT NULL,
    processed_at     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    -- One constraint on purpose; see accounts_well_formed.
    CONSTRAINT transactions_well_formed CHECK (
        amount_minor > 0 AND fee_minor >= 0
        AND status IN ('pending', 'completed', 'failed', 'cancelled', 'reversed')
        AND length(idempotency_key) BETWEEN 1 AND 200 AND length(content_hash) = 32)
);

-- No foreign keys: one to accounts would lock the row of the bank's own accounts on every entry, and one to transactions
-- costs a query for each leg. ledger_post is the only writer and refuses an account that does not exist; the trigger
-- below sees to the journal's header for every writer, and nobody can delete one.
CREATE TABLE postings (
    transaction_id      uuid NOT NULL,
    leg                 smallint NOT NULL,
    account_id          uuid NOT NULL,
    currency            text NOT NULL,
    amount_minor        bigint NOT NULL,
    balance_after_minor bigint,
    account_version     bigint,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transaction_id, leg),
    -- A lost update would give two postings the same version of their account, and is refused here.
    CONSTRAINT postings_no_lost_update UNIQUE (account_id, account_version),
    CONSTRAINT postings_well_formed CHECK (
        leg > 0 AND amount_minor <> 0 AND (balance_after_minor IS NULL) = (account_version IS NULL))
);

-- Legs sum to zero per entry and currency, and stand under a header. Checked once per statement over the rows it
-- inserted, for every writer, the owner included: stricter than a deferred row trigger, and two scans instead of two
-- queries per leg (decision 0003).
-- As it stands now: 0008_01_ledger_checkpoints.sql.
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
    SELECT p.transaction_id INTO broken FROM inserted p
        WHERE NOT EXISTS (SELECT FROM transactions t WHERE t.id = p.transaction_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % is not in the journal', broken.transaction_id USING ERRCODE = 'AU103';
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

-- One entry of a batch. `legs` says how many of the batch's legs are its own. `captures` names a hold that this entry
-- turns into a debit. `on_behalf_of` is the customer whose accounts may be debited; only the worker may leave it empty
-- and act for the bank.
CREATE TYPE ledger_entry AS (
    id uuid, key text, hash bytea, kind text, amount_minor bigint, currency text, legs integer,
    from_account_id uuid, to_account_id uuid, fee_minor bigint, description text, category text, metadata jsonb,
    value_date date, reversal_of uuid, captures uuid, on_behalf_of uuid
);

-- The one writer of the ledger. Takes a batch of entries (a JSON array of ledger_entry); the accounts they touch, each
-- once and in ascending order; and the legs, one entry's after the other's, as the position of their account in that
-- list and their amount. Gives each entry its own outcome:
--   posted, replayed (same key and content: the stored entry), or a refusal: idempotency_conflict, account_not_found,
--   currency_mismatch, unbalanced, not_permitted, hold_not_open, account_unusable, insufficient_funds.
-- Entries count in their order. A refused one leaves no trace, and the others of its batch are not disturbed.
--
-- Locks come first: accounts in id order, then holds in id order. What is read with and after them cannot change, so
-- the batch is worked out in arrays, entry by entry, and each table is then written once (decision 0007). The bank's
-- own unchecked accounts are neither locked nor changed.
-- As it stands now: 0006_01_ledger_freeze.sql.
CREATE FUNCTION ledger_post(batch json, touched uuid[], leg_places integer[], leg_amounts bigint[])
    RETURNS TABLE (entry_ord bigint, transaction_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    trusted  constant boolean := session_user <> 'aurum_api';
    asking   constant uuid := app.user_id();
    refusals constant text[] := ARRAY['account_not_found', 'currency_mismatch', 'unbalanced', 'not_permitted',
                                      'hold_not_open', 'account_unusable', 'insufficient_funds'];

    -- By entry. `booked` is the transaction it stands in, `exponents` is set for what this call books.
    entries   ledger_entry[];
    keys      text[];
    outcomes  text[];
    booked    uuid[];
    exponents smallint[];

    -- By account, in the order of `touched`. Unchecked ones have neither row, floor, balance nor version here.
    ids        uuid[];
    owners     uuid[];
    statuses   text[];
    currencies text[];
    decimals   smallint[];
    row_of     tid[];
    balances   bigint[];
    holdings   bigint[];
    floors     bigint[];
    versions   bigint[];
    found      bigint[]; -- the versions before this batch

    -- By leg.
    leg_entries  uuid[];
    leg_numbers  smallint[];
    leg_balances bigint[];
    leg_versions bigint[];

    -- By hold.
    hold_ids    uuid[];
    hold_places integer[];
    hold_minor  bigint[];
    hold_spent  boolean[];

    entry          ledger_entry;
    stored         record;
    leg_range      text;
    whole          bigint;
    first          integer;
    last           integer := 0;
    customer       uuid;
    place          integer;
    hold           integer;
    amount         bigint;
    total          bigint;
    fault          integer;
    covered        boolean;
    written        bigint;
BEGIN
    SELECT array_agg(e), array_agg(e.key), array_agg(e.captures) FILTER (WHERE e.captures IS NOT NULL),
           '[1:' || sum(e.legs) FILTER (WHERE e.legs > 1) || ']', count(*) FILTER (WHERE e.legs > 1)
        INTO entries, keys, hold_ids, leg_range, whole FROM json_populate_recordset(NULL::ledger_entry, batch) e;
    IF entries IS NULL THEN
        RETURN;
    END IF;
    -- The positions below are trusted from here on, so they are looked at as if a stranger had sent them.
    IF whole <> cardinality(entries)
        OR array_dims(leg_places) IS DISTINCT FROM leg_range OR array_dims(leg_amounts) IS DISTINCT FROM leg_range
        OR array_dims(touched) IS DISTINCT FROM '[1:' || cardinality(touched) || ']'
        OR array_position(touched, NULL) IS NOT NULL OR array_position(leg_amounts, NULL) IS NOT NULL
        OR EXISTS (SELECT FROM unnest(leg_places) p WHERE (p BETWEEN 1 AND cardinality(touched)) IS NOT TRUE) THEN
        RAISE EXCEPTION 'the legs of the batch are not those its entries announce' USING ERRCODE = 'AU102';
    END IF;
    FOR k IN 2 .. cardinality(touched) LOOP
        IF touched[k] <= touched[k - 1] THEN
            RAISE EXCEPTION 'the accounts of the batch are not in ascending order' USING ERRCODE = 'AU102';
        END IF;
    END LOOP;

    SELECT array_agg(s.id), array_agg(s.user_id), array_agg(s.status), array_agg(s.currency), array_agg(s.exponent),
           array_agg(s.row_id), array_agg(s.posted_minor), array_agg(s.held_minor), array_agg(s.floor_minor),
           array_agg(s.version)
        INTO ids, owners, statuses, currencies, decimals, row_of, balances, holdings, floors, versions
        FROM (
            SELECT c.* FROM (
                SELECT a.id, a.user_id, a.status, a.currency, a.exponent, a.ctid AS row_id, a.posted_minor, a.held_minor,
                       a.floor_minor, a.version
                FROM accounts a WHERE a.id = ANY (touched) AND a.floor_minor IS NOT NULL
                ORDER BY a.id FOR NO KEY UPDATE) c
            UNION ALL
            SELECT a.id, a.user_id, a.status, a.currency, a.exponent, NULL, NULL, NULL, NULL, NULL
            FROM accounts a WHERE a.id = ANY (touched) AND a.floor_minor IS NULL
            ORDER BY 1) s;
    IF cardinality(ids) IS DISTINCT FROM cardinality(touched) THEN
        -- Some account does not exist: the positions are looked up again in what does.
        SELECT array_agg(array_position(ids, touched[u.place]) ORDER BY u.n) INTO leg_places
            FROM unnest(leg_places) WITH ORDINALITY u(place, n);
    END IF;
    IF hold_ids IS NOT NULL THEN
        PERFORM FROM holds x WHERE x.id = ANY (hold_ids) ORDER BY x.id FOR UPDATE;
        SELECT array_agg(x.id), array_agg(array_position(ids, x.account_id)), array_agg(x.amount_minor),
               array_agg(x.status <> 'open')
            INTO hold_ids, hold_places, hold_minor, hold_spent FROM holds x WHERE x.id = ANY (hold_ids);
    END IF;

    outcomes := array_fill(NULL::text, ARRAY[cardinality(entries)]);
    booked := array_fill(NULL::uuid, ARRAY[cardinality(entries)]);
    exponents := array_fill(NULL::smallint, ARRAY[cardinality(entries)]);
    found := versions;
    leg_entries := array_fill(NULL::uuid, ARRAY[cardinality(leg_places)]);
    leg_numbers := array_fill(NULL::smallint, ARRAY[cardinality(leg_places)]);
    leg_balances := array_fill(NULL::bigint, ARRAY[cardinality(leg_places)]);
    leg_versions := leg_balances;

    FOR stored IN SELECT u.n, t.id, t.content_hash FROM unnest(keys) WITH ORDINALITY u(key, n)
            JOIN transactions t ON t.idempotency_key = u.key LOOP
        entry := entries[stored.n];
        IF stored.content_hash = entry.hash THEN
            outcomes[stored.n] := 'replayed';
            booked[stored.n] := stored.id;
        ELSE
            outcomes[stored.n] := 'idempotency_conflict';
        END IF;
    END LOOP;

    FOR i IN 1 .. cardinality(entries) LOOP
        entry := entries[i];
        first := last + 1;
        last := last + entry.legs;
        CONTINUE WHEN outcomes[i] IS NOT NULL;
        customer := entry.on_behalf_of;
        hold := array_position(hold_ids, entry.captures);
        total := 0;
        fault := NULL; -- the first of `refusals` that applies

        FOR j IN first .. last LOOP
            place := leg_places[j];
            amount := leg_amounts[j];
            total := total + amount;
            IF place IS NULL THEN
                fault := 1;
                CONTINUE;
            END IF;
            balances[place] := balances[place] + amount;
            versions[place] := versions[place] + 1;
            leg_balances[j] := balances[place];
            leg_versions[j] := versions[place];
            leg_numbers[j] := j - first + 1;
            leg_entries[j] := entry.id;
            IF statuses[place] <> 'active' THEN
                fault := least(fault, CASE
                    WHEN statuses[place] = 'closed' OR amount < 0 AND customer IS NOT NULL AND entry.captures IS NULL THEN 6
                END);
            END IF;
            IF currencies[place] <> entry.currency THEN
                fault := least(fault, 2);
            END IF;
            IF amount < 0 AND customer IS DISTINCT FROM owners[place] AND customer IS NOT NULL THEN
                fault := least(fault, 4);
            END IF;
        END LOOP;
        IF total <> 0 THEN
            fault := least(fault, 3);
        END IF;
        IF NOT trusted AND (customer IS NULL OR customer <> asking
                OR entry.captures IS NOT NULL OR entry.reversal_of IS NOT NULL) THEN
            fault := least(fault, 4);
        END IF;
        IF entry.captures IS NOT NULL THEN
            -- The hold has to be open and to lie on an account that the entry debits.
            covered := false;
            FOR j IN first .. last LOOP
                IF leg_places[j] = hold_places[hold] AND leg_amounts[j] < 0 AND NOT hold_spent[hold] THEN
                    covered := true;
                END IF;
            END LOOP;
            IF NOT covered THEN
                fault := least(fault, 5);
            END IF;
        END IF;

        IF fault IS NULL THEN
            IF hold IS NOT NULL THEN
                holdings[hold_places[hold]] := holdings[hold_places[hold]] - hold_minor[hold];
            END IF;
            FOR j IN first .. last LOOP
                place := leg_places[j];
                IF leg_amounts[j] < 0 AND balances[place] - holdings[place] < floors[place] THEN
                    fault := 7;
                END IF;
            END LOOP;
            IF fault IS NULL THEN
                booked[i] := entry.id;
                exponents[i] := decimals[place];
                IF hold IS NOT NULL THEN
                    hold_spent[hold] := true;
                END IF;
                CONTINUE;
            END IF;
            IF hold IS NOT NULL THEN
                holdings[hold_places[hold]] := holdings[hold_places[hold]] + hold_minor[hold];
            END IF;
        END IF;

        -- Refused: as if it had never been asked.
        outcomes[i] := refusals[fault];
        FOR j IN first .. last LOOP
            place := leg_places[j];
            CONTINUE WHEN place IS NULL;
            balances[place] := balances[place] - leg_amounts[j];
            versions[place] := versions[place] - 1;
            leg_entries[j] := NULL;
        END LOOP;
    END LOOP;

    INSERT INTO transactions (id, transaction_type, from_account_id, to_account_id, amount_minor, currency, exponent,
                              fee_minor, description, category, metadata, value_date, reversal_of, idempotency_key, content_hash)
        SELECT e.id, e.kind, e.from_account_id, e.to_account_id, e.amount_minor, e.currency, e.exponent,
               coalesce(e.fee_minor, 0), coalesce(e.description, ''), e.category, coalesce(e.metadata, '{}'),
               coalesce(e.value_date, current_date), e.reversal_of, e.key, e.hash
        FROM unnest(entries, exponents) e(id, key, hash, kind, amount_minor, currency, legs, from_account_id,
            to_account_id, fee_minor, description, category, metadata, value_date, reversal_of, captures, on_behalf_of,
            exponent)
        WHERE e.exponent IS NOT NULL;

    INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor, balance_after_minor, account_version)
        SELECT l.entry, l.number, ids[l.place], currencies[l.place], l.amount, l.balance, l.version
        FROM unnest(leg_entries, leg_numbers, leg_places, leg_amounts, leg_balances, leg_versions)
            l(entry, number, place, amount, balance, version)
        WHERE l.entry IS NOT NULL;

    -- The rows are locked, so they are where they were found.
    UPDATE accounts a SET posted_minor = s.balance, held_minor = s.holding, version = s.version
        FROM unnest(row_of, balances, holdings, versions, found) s(row_id, balance, holding, version, found)
        WHERE a.ctid = s.row_id AND s.version <> s.found;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> (SELECT count(*) FROM unnest(versions, found) s(version, found) WHERE s.version <> s.found) THEN
        RAISE EXCEPTION 'a balance was not written' USING ERRCODE = 'AU105';
    END IF;

    IF hold_ids IS NOT NULL THEN
        UPDATE holds x SET status = 'captured', closed_at = now()
            FROM unnest(hold_ids, hold_spent) s(id, spent) WHERE x.id = s.id AND s.spent AND x.status = 'open';
    END IF;

    RETURN QUERY SELECT u.n, u.booked, coalesce(u.outcome, 'posted')
        FROM unnest(booked, outcomes) WITH ORDINALITY u(booked, outcome, n);
END $$;

-- Sets money aside for a process. Called again for the same owner it returns the hold that is there.
-- Outcomes: placed, replayed, account_not_found, account_unusable, insufficient_funds, hold_conflict.
-- As it stands now: 0006_01_ledger_freeze.sql.
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
        AND (on_behalf_of IS NULL AND session_user <> 'aurum_api' OR a.user_id = on_behalf_of)
        AND (session_user <> 'aurum_api' OR on_behalf_of = coalesce(app.user_id(), on_behalf_of)) FOR NO KEY UPDATE;
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
-- As it stands now: 0041_01_interest.sql.
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
-- As it stands now: 0008_01_ledger_checkpoints.sql.
CREATE VIEW ledger_balances WITH (security_invoker = true) AS
    SELECT a.id AS account_id, a.user_id, a.account_number, a.account_type, a.purpose, a.currency, a.exponent,
           CASE WHEN a.floor_minor IS NOT NULL THEN a.posted_minor
                ELSE (SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM postings p WHERE p.account_id = a.id) END AS posted_minor,
           a.held_minor
    FROM accounts a;

-- Everything that has to hold at any moment; each row that comes back is a breach (design §3).
-- As it stands now: 0008_01_ledger_checkpoints.sql.
CREATE FUNCTION ledger_proof() RETURNS TABLE (rule text, subject text, expected bigint, found bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 'postings_sum_to_zero', p.currency, 0::bigint, sum(p.amount_minor)::bigint
        FROM postings p GROUP BY p.currency HAVING sum(p.amount_minor) <> 0
    UNION ALL
    SELECT b.rule, b.subject, b.expected, b.found
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total, count(*) AS legs FROM postings GROUP BY account_id) s
            ON s.account_id = a.id
        CROSS JOIN LATERAL (VALUES
            ('balance_is_sum_of_postings', a.account_number, coalesce(s.total, 0), a.posted_minor),
            ('version_counts_postings', a.account_number, coalesce(s.legs, 0), a.version)
        ) b(rule, subject, expected, found)
        WHERE a.floor_minor IS NOT NULL AND b.expected <> b.found
    UNION ALL
    SELECT 'posting_has_account', p.account_id::text, 0, count(*) FROM postings p
        WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = p.account_id) GROUP BY p.account_id
    UNION ALL
    SELECT 'held_is_sum_of_open_holds', a.account_number, coalesce(s.total, 0), a.held_minor
        FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount_minor)::bigint AS total FROM holds WHERE status = 'open' GROUP BY account_id) s
            ON s.account_id = a.id
        WHERE a.held_minor <> coalesce(s.total, 0)
    UNION ALL
    SELECT 'entry_has_legs', t.id::text, 2, count(p.leg) FROM transactions t LEFT JOIN postings p ON p.transaction_id = t.id
        GROUP BY t.id HAVING count(p.leg) < 2
$$;

REVOKE EXECUTE ON FUNCTION ledger_post(json, uuid[], integer[], bigint[]), hold_place(uuid, bigint, text, uuid, uuid),
    hold_release(text, uuid), ledger_internal_account(text, text, smallint), ledger_proof() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post(json, uuid[], integer[], bigint[]), hold_place(uuid, bigint, text, uuid, uuid),
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
