-- What its owner may do to the state of an account. Outcomes: frozen, closed, unchanged, not_found, wrong_state, or of a
-- closing what is in its way: balance, holds, processes.
-- As it stands now: 0011_04_process_proof.sql.
CREATE FUNCTION account_set_status(wanted_account uuid, wanted_status text) RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    account accounts%ROWTYPE;
    reasons text[] := '{}';
BEGIN
    SELECT * INTO account FROM accounts a WHERE a.id = wanted_account AND a.user_id IS NOT NULL
        AND (session_user <> 'aurum_api' OR a.user_id = app.user_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '{not_found}';
    END IF;
    IF account.status = wanted_status THEN
        RETURN '{unchanged}';
    END IF;
    -- To lift a freeze is the bank's, and nothing reopens a closed account.
    IF account.status = 'closed' OR wanted_status NOT IN ('frozen', 'closed') THEN
        RETURN '{wrong_state}';
    END IF;
    IF wanted_status = 'closed' THEN
        IF account.posted_minor <> 0 THEN
            reasons := reasons || 'balance'::text;
        END IF;
        IF account.held_minor <> 0 THEN
            reasons := reasons || 'holds'::text;
        END IF;
        -- Processes that still need the account: money of a released or completed wire may come back to it.
        IF EXISTS (SELECT FROM wire_transfers w WHERE w.sender_account_id = account.id
                   AND w.status NOT IN ('rejected', 'cancelled', 'expired', 'failed', 'completed', 'returned')) THEN
            reasons := reasons || 'processes'::text;
        END IF;
        IF reasons <> '{}' THEN
            RETURN reasons;
        END IF;
    END IF;
    UPDATE accounts SET status = wanted_status, closed_at = CASE WHEN wanted_status = 'closed' THEN clock_timestamp() END
        WHERE id = account.id;
    RETURN ARRAY[wanted_status];
END $$;
REVOKE EXECUTE ON FUNCTION account_set_status(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_set_status(uuid, text) TO aurum_api, aurum_worker;

CREATE INDEX holds_account ON holds (account_id, placed_at);
