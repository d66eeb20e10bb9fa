-- What each proof of the ledger found. `run` names the step of the process that made it, so that a step which is run
-- again adds no second one; a proof by hand has none.
CREATE TABLE ledger_proofs (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    run          text UNIQUE,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    took_ms      integer NOT NULL CHECK (took_ms >= 0),
    entries      bigint NOT NULL,
    breach_count integer NOT NULL CHECK (breach_count >= 0),
    -- The first of them: {rule, subject, expected, found}.
    breaches     jsonb NOT NULL,
    CONSTRAINT ledger_proofs_counted CHECK (jsonb_array_length(breaches) <= breach_count AND (breach_count = 0) = (breaches = '[]'))
);
CREATE TRIGGER ledger_proofs_append_only BEFORE UPDATE OR DELETE ON ledger_proofs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER ledger_proofs_no_truncate BEFORE TRUNCATE ON ledger_proofs EXECUTE FUNCTION app.refuse_change();

-- Posting is suspended while one of these is open. A breach opens it; only an operator, as the owner, ends it.
CREATE TABLE ledger_freezes (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason       text NOT NULL,
    proof_id     uuid REFERENCES ledger_proofs,
    ended_at     timestamptz,
    ended_reason text,
    CONSTRAINT ledger_freezes_ended_for_a_reason CHECK ((ended_at IS NULL) = (ended_reason IS NULL))
);
CREATE UNIQUE INDEX ledger_freezes_open ON ledger_freezes ((true)) WHERE ended_at IS NULL;

CREATE FUNCTION app.freeze_ends_once() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
        OR (NEW.id, NEW.since, NEW.reason) <> (OLD.id, OLD.since, OLD.reason)
        OR NEW.proof_id IS DISTINCT FROM OLD.proof_id THEN
        RAISE EXCEPTION 'a freeze of the ledger is ended once, and not changed otherwise' USING ERRCODE = 'AU130';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_freezes_end_once BEFORE UPDATE OR DELETE ON ledger_freezes
    FOR EACH ROW EXECUTE FUNCTION app.freeze_ends_once();
CREATE TRIGGER ledger_freezes_no_truncate BEFORE TRUNCATE ON ledger_freezes EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON ledger_proofs, ledger_freezes TO aurum_api, aurum_worker;
GRANT INSERT ON ledger_proofs TO aurum_worker;
GRANT INSERT (reason, proof_id) ON ledger_freezes TO aurum_worker;
ALTER TABLE ledger_proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_freezes ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON ledger_proofs TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON ledger_freezes TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON ledger_proofs FOR SELECT TO aurum_api
    USING ((app.may('admin:system') OR app.may('admin:reports')) AND app.role() <> 'customer');
CREATE POLICY staff ON ledger_freezes FOR SELECT TO aurum_api
    USING ((app.may('admin:system') OR app.may('admin:reports')) AND app.role() <> 'customer');

-- The one writer of the ledger. Takes a batch of entries (a JSON array of ledger_entry); the accounts they touch, each
-- once and in ascending order; and the legs, one entry's after the other's, as the position of their account in that
-- list and their amount. Gives each entry its own outcome:
--   posted, replayed (same key and content: the stored entry), or a refusal: idempotency_conflict, account_not_found,
--   currency_mismatch, unbalanced, not_permitted, hold_not_open, account_unusable, insufficient_funds; or
--   ledger_frozen, for each that is not booked yet, while a breach of the books is being looked into.
-- Entries count in their order. A refused one leaves no trace, and the others of its batch are not disturbed.
--
-- Locks come first: accounts in id order, then holds in id order. What is read with and after them cannot change, so
-- the batch is worked out in arrays, entry by entry, and each table is then written once (decision 0007). The bank's
-- own unchecked accounts are neither locked nor changed.
CREATE OR REPLACE FUNCTION ledger_post(batch json, touched uuid[], leg_places integer[], leg_amounts bigint[])
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

    -- What is booked is still told; nothing new is.
    IF EXISTS (SELECT FROM ledger_freezes f WHERE f.ended_at IS NULL) THEN
        FOR i IN 1 .. cardinality(entries) LOOP
            outcomes[i] := coalesce(outcomes[i], 'ledger_frozen');
        END LOOP;
    END IF;

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
-- Outcomes: placed, replayed, account_not_found, account_unusable, insufficient_funds, hold_conflict, ledger_frozen.
CREATE OR REPLACE FUNCTION hold_place(wanted_account uuid, wanted_minor bigint, wanted_owner_kind text, wanted_owner uuid,
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
    IF EXISTS (SELECT FROM ledger_freezes f WHERE f.ended_at IS NULL) THEN
        RETURN QUERY SELECT NULL::uuid, 'ledger_frozen';
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
