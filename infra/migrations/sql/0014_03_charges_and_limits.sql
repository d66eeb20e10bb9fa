-- OUR: what is taken in advance for the banks on the way. It is a part of fee_minor, so that amount and fee stay what the
-- hold is made of.
ALTER TABLE wire_transfers
    ADD COLUMN correspondent_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT wire_transfers_correspondent CHECK (
        correspondent_minor BETWEEN 0 AND fee_minor AND (correspondent_minor = 0 OR charges = 'OUR'));
CREATE FUNCTION app.guard_wire_charges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what wire % costs cannot be changed', OLD.id USING ERRCODE = 'AU110';
END $$;
CREATE TRIGGER wire_transfers_charges BEFORE UPDATE ON wire_transfers
    FOR EACH ROW WHEN (NEW.correspondent_minor <> OLD.correspondent_minor) EXECUTE FUNCTION app.guard_wire_charges();

-- What banks on the way will charge us for wires whose sender bears it is owed to them until they do.
-- As it stands now: 0041_01_interest.sql.
CREATE OR REPLACE FUNCTION ledger_internal_account(wanted_purpose text, wanted_currency text, wanted_exponent smallint) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    found uuid;
BEGIN
    SELECT a.id INTO found FROM accounts a
        WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
    IF found IS NULL THEN
        IF wanted_purpose NOT IN ('nostro', 'fees', 'opening', 'blocked', 'suspense', 'clearing', 'correspondent_charges') THEN
            RAISE EXCEPTION 'the bank keeps no account for %', wanted_purpose USING ERRCODE = 'AU104';
        END IF;
        INSERT INTO accounts (account_number, account_type, purpose, currency, exponent, name)
            VALUES ('AURUM-' || upper(wanted_purpose) || '-' || wanted_currency, 'internal', wanted_purpose,
                    wanted_currency, wanted_exponent, initcap(replace(wanted_purpose, '_', ' ')) || ' ' || wanted_currency)
            ON CONFLICT DO NOTHING RETURNING id INTO found;
        IF found IS NULL THEN -- another transaction opened it, and has committed by now
            SELECT a.id INTO found FROM accounts a
                WHERE a.user_id IS NULL AND a.purpose = wanted_purpose AND a.currency = wanted_currency;
        END IF;
    END IF;
    RETURN found;
END $$;

-- A wire that ends without its money leaving gives the room under its customer's limits back, in the transaction that
-- ends it, whoever does. A blocked one keeps it as it keeps its hold, and one that was paid and came back has been used.
CREATE INDEX limit_uses_of_wire ON limit_uses (transaction_id) WHERE family = 'wire';
CREATE FUNCTION app.free_wire_limits() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    DELETE FROM limit_uses u WHERE u.family = 'wire' AND u.transaction_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER wire_transfers_free_limits AFTER UPDATE ON wire_transfers FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status IN ('rejected', 'cancelled', 'expired', 'failed'))
    EXECUTE FUNCTION app.free_wire_limits();
