-- Payments to other banks by the local rail (contract §4): SEPA credit transfers in EUR, ACH credits in USD; and standing
-- orders, which make payments by a rhythm.

-- The allowed moves of a payment; the same table as models/payments/states.py MOVES, and a test holds them together.
CREATE TABLE payment_moves (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    mover       text NOT NULL CHECK (mover IN ('person', 'process')),
    PRIMARY KEY (from_status, to_status)
);

CREATE TABLE standing_orders (
    id                       uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id                  uuid NOT NULL REFERENCES users,
    sender_account_id        uuid NOT NULL REFERENCES accounts,
    status                   text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended', 'cancelled')),
    rail                     text NOT NULL CHECK (rail IN ('sepa', 'ach')),
    amount_minor             bigint NOT NULL CHECK (amount_minor > 0),
    currency                 text NOT NULL,
    exponent                 smallint NOT NULL,
    recipient_name           text NOT NULL,
    recipient_account_number text NOT NULL,
    recipient_bic            text,
    recipient_routing_number text,
    recipient_account_type   text NOT NULL,
    recipient_is_company     boolean NOT NULL,
    reference                text NOT NULL DEFAULT '',
    description              text NOT NULL DEFAULT '',
    category                 text NOT NULL,
    frequency                text NOT NULL
        CHECK (frequency IN ('weekly', 'biweekly', 'monthly', 'quarterly', 'half_yearly', 'yearly')),
    non_banking_day          text NOT NULL CHECK (non_banking_day IN ('previous', 'next', 'skip')),
    first_on                 date NOT NULL,
    last_on                  date,
    occurrences              integer CHECK (occurrences >= 1),
    -- The newest date of the rhythm that was dealt with: its payment was made, or it was left out.
    issued                   integer NOT NULL DEFAULT 0 CHECK (issued >= 0),
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX standing_orders_customer ON standing_orders (user_id, created_at DESC);
CREATE INDEX standing_orders_account ON standing_orders (sender_account_id) WHERE status = 'active';

CREATE TABLE payments (
    id                       uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id                  uuid NOT NULL REFERENCES users,
    sender_account_id        uuid NOT NULL REFERENCES accounts,
    standing_order_id        uuid REFERENCES standing_orders,
    -- The date of the standing order's rhythm that this is the payment of, counted from one.
    number                   integer CHECK (number >= 1),
    -- The entry that settled it. It has the payment's own id, so a payment is one transaction from its order to its end.
    transaction_id           uuid REFERENCES transactions CHECK (transaction_id = id),
    status                   text NOT NULL CHECK (status IN ('scheduled', 'funded', 'released', 'acknowledged', 'completed',
                                                             'returned', 'failed', 'cancelled', 'blocked')),
    rail                     text NOT NULL CHECK (rail IN ('sepa', 'ach')),
    amount_minor             bigint NOT NULL CHECK (amount_minor > 0),
    fee_minor                bigint NOT NULL CHECK (fee_minor >= 0),
    currency                 text NOT NULL,
    exponent                 smallint NOT NULL,
    recipient_name           text NOT NULL,
    recipient_account_number text NOT NULL,
    recipient_bic            text,
    recipient_routing_number text,
    recipient_account_type   text NOT NULL CHECK (recipient_account_type IN ('checking', 'savings')),
    recipient_is_company     boolean NOT NULL,
    reference                text NOT NULL DEFAULT '',
    description              text NOT NULL DEFAULT '',
    category                 text NOT NULL,
    -- The day it is to be carried out; NULL: as soon as the rail is open.
    due_on                   date,
    -- Until when its money is looked for, once it is due and the money was not there.
    try_until                timestamptz,
    next_try_at              timestamptz,
    value_date               date,
    end_to_end_id            text NOT NULL UNIQUE CHECK (length(end_to_end_id) <= 15),
    uetr                     uuid NOT NULL UNIQUE,
    trace_number             text UNIQUE CHECK (length(trace_number) = 15),
    list_version             text,
    reason_code              text,
    reason_text              text,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    ended_at                 timestamptz,
    CONSTRAINT payments_one_for_each_date UNIQUE (standing_order_id, number),
    CONSTRAINT payments_numbered CHECK ((standing_order_id IS NULL) = (number IS NULL)),
    CONSTRAINT payments_fits_rail CHECK (
        CASE rail WHEN 'sepa' THEN currency = 'EUR' AND recipient_routing_number IS NULL
                  ELSE currency = 'USD' AND recipient_routing_number IS NOT NULL AND recipient_bic IS NULL END)
);
-- What is not booked stands in the lists of transactions beside the journal (0011_03).
CREATE INDEX payments_unbooked ON payments (sender_account_id, created_at DESC, id DESC) WHERE transaction_id IS NULL;
CREATE INDEX payments_unbooked_all ON payments (id DESC) WHERE transaction_id IS NULL;

-- What happened to a payment, in the order it happened. `step` names a step of the process: run again it adds no line.
CREATE TABLE payment_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    event      text NOT NULL,
    status     text NOT NULL,
    actor      text NOT NULL,
    actor_id   uuid,
    data       jsonb NOT NULL DEFAULT '{}',
    step       text,
    UNIQUE (payment_id, step)
);
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE ON payment_events
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

CREATE FUNCTION app.guard_payment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    allowed   text;
    -- What a payment may change after its order; everything else is what was ordered.
    changing  text[] := ARRAY['status', 'transaction_id', 'try_until', 'next_try_at', 'value_date', 'trace_number',
                                       'list_version', 'reason_code', 'reason_text', 'updated_at', 'ended_at'];
    -- What the bank of the recipient may correct in one that waits for its day (a notification of change).
    recipient constant text[] := ARRAY['recipient_account_number', 'recipient_routing_number', 'recipient_account_type'];
BEGIN
    IF OLD.status = 'scheduled' AND session_user <> 'aurum_api' THEN
        changing := changing || recipient;
    END IF;
    IF to_jsonb(NEW) - changing <> to_jsonb(OLD) - changing THEN
        RAISE EXCEPTION 'what payment % orders cannot be changed', OLD.id USING ERRCODE = 'AU110';
    END IF;
    IF NEW.status <> OLD.status THEN
        SELECT m.mover INTO allowed FROM payment_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a payment does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU111';
        END IF;
        IF session_user = 'aurum_api' AND allowed <> 'person' OR session_user = 'aurum_worker' AND allowed <> 'process' THEN
            RAISE EXCEPTION 'the move from % to % is made by a %', OLD.status, NEW.status, allowed USING ERRCODE = 'AU112';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER payments_guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION app.guard_payment();
CREATE TRIGGER payments_no_delete BEFORE DELETE ON payments FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- A standing order changes only by being cancelled by its owner, ended by its process, counted on, or when the bank of
-- the recipient tells where the account has gone (a notification of change, reference/banking.md §6.10).
CREATE FUNCTION app.guard_standing_order() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    changing constant text[] := ARRAY['status', 'issued', 'recipient_account_number', 'recipient_routing_number',
                                      'recipient_account_type', 'updated_at'];
BEGIN
    IF to_jsonb(NEW) - changing <> to_jsonb(OLD) - changing OR NEW.issued < OLD.issued THEN
        RAISE EXCEPTION 'what standing order % orders cannot be changed', OLD.id USING ERRCODE = 'AU110';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status <> 'active'
        OR session_user = 'aurum_api' AND NEW.status <> 'cancelled'
        OR session_user = 'aurum_worker' AND NEW.status <> 'ended') THEN
        RAISE EXCEPTION 'a standing order does not move from % to %', OLD.status, NEW.status USING ERRCODE = 'AU111';
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER standing_orders_guard BEFORE UPDATE ON standing_orders
    FOR EACH ROW EXECUTE FUNCTION app.guard_standing_order();
CREATE TRIGGER standing_orders_no_delete BEFORE DELETE ON standing_orders
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

ALTER TABLE holds DROP CONSTRAINT holds_owner_kind_check;
ALTER TABLE holds ADD CONSTRAINT holds_owner_kind_check CHECK (owner_kind IN ('wire', 'payment'));

-- Status and money of a payment agree whenever a transaction commits, whoever wrote it: before it is due a payment holds
-- nothing, from then on it has its hold, a paid one has turned it into its entry, and one that ended unpaid, if it ever
-- held money, has given it back.
CREATE FUNCTION app.payment_and_hold_agree() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    payment  payments%ROWTYPE;
    hold     holds%ROWTYPE;
    expected text[];
BEGIN
    SELECT * INTO payment FROM payments p
        WHERE p.id = CASE TG_TABLE_NAME WHEN 'holds' THEN (to_jsonb(NEW) ->> 'owner_id')::uuid ELSE NEW.id END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a hold has no payment that owns it' USING ERRCODE = 'AU120';
    END IF;
    SELECT * INTO hold FROM holds h WHERE h.owner_kind = 'payment' AND h.owner_id = payment.id;
    expected := CASE
        WHEN payment.status = 'scheduled' THEN ARRAY['none']
        WHEN payment.status IN ('failed', 'cancelled') THEN ARRAY['none', 'released']
        WHEN payment.status IN ('completed', 'returned') THEN ARRAY['captured']
        ELSE ARRAY['open'] END;
    IF coalesce(hold.status, 'none') <> ALL (expected)
        OR hold.id IS NOT NULL AND (hold.account_id <> payment.sender_account_id
                                    OR hold.amount_minor <> payment.amount_minor + payment.fee_minor)
        OR (payment.status IN ('completed', 'returned')) <> (payment.transaction_id IS NOT NULL) THEN
        RAISE EXCEPTION 'payment % is % and its hold is %', payment.id, payment.status, coalesce(hold.status, 'missing')
            USING ERRCODE = 'AU121';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_hold_agrees AFTER INSERT OR UPDATE ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.payment_and_hold_agree();
CREATE CONSTRAINT TRIGGER holds_payment_agrees AFTER INSERT OR UPDATE ON holds
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.owner_kind = 'payment')
    EXECUTE FUNCTION app.payment_and_hold_agree();

GRANT SELECT ON payment_moves, payments, payment_events, standing_orders TO aurum_api, aurum_worker;
GRANT INSERT ON payments, payment_events, standing_orders TO aurum_api;
GRANT INSERT ON payments, payment_events TO aurum_worker;
GRANT UPDATE (status, reason_code, updated_at, ended_at) ON payments TO aurum_api;
GRANT UPDATE (status, transaction_id, try_until, next_try_at, value_date, trace_number, list_version, reason_code, reason_text,
              updated_at, ended_at, recipient_account_number, recipient_routing_number, recipient_account_type)
    ON payments TO aurum_worker;
GRANT UPDATE (status, updated_at) ON standing_orders TO aurum_api;
GRANT UPDATE (status, issued, recipient_account_number, recipient_routing_number, recipient_account_type, updated_at)
    ON standing_orders TO aurum_worker;

ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE standing_orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON payments TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON payment_events TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON standing_orders TO aurum_worker USING (true) WITH CHECK (true);

CREATE POLICY own ON payments FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY own_order ON payments FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND status IN ('scheduled', 'funded') AND transaction_id IS NULL
                AND EXISTS (SELECT FROM accounts a WHERE a.id = sender_account_id AND a.user_id = app.user_id())
                AND (standing_order_id IS NULL OR EXISTS (SELECT FROM standing_orders s
                     WHERE s.id = standing_order_id AND s.user_id = app.user_id())));
CREATE POLICY own_change ON payments FOR UPDATE TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id() AND status = 'cancelled');
CREATE POLICY staff ON payments FOR SELECT TO aurum_api USING (app.may('transactions:read') AND app.role() <> 'customer');
CREATE POLICY own ON standing_orders FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY own_order ON standing_orders FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND status = 'active'
                AND EXISTS (SELECT FROM accounts a WHERE a.id = sender_account_id AND a.user_id = app.user_id()));
CREATE POLICY own_change ON standing_orders FOR UPDATE TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id() AND status = 'cancelled');
CREATE POLICY staff ON standing_orders FOR SELECT TO aurum_api
    USING (app.may('transactions:read') AND app.role() <> 'customer');
CREATE POLICY seen ON payment_events FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY told ON payment_events FOR INSERT TO aurum_api
    WITH CHECK (actor_id = app.user_id() AND EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
