-- Whoever knows an account number may pay into it, so this much of an account is told to anyone who is signed in: no
-- owner, no name, no balance. The bank's own accounts are not paid into by customers.
CREATE FUNCTION account_to_credit(wanted_number text) RETURNS TABLE (id uuid, currency text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT a.id, a.currency, a.status FROM accounts a WHERE a.account_number = wanted_number AND a.user_id IS NOT NULL
$$;
REVOKE EXECUTE ON FUNCTION account_to_credit(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_to_credit(text) TO aurum_api, aurum_worker;
