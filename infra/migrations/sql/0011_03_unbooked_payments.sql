-- Payments that are not booked, as the journal would show them. The lists of transactions read both, so that a payment is
-- one transaction from its order to its end: while it waits, fails or is cancelled it is a row here, and once it is settled
-- the entry with the same id. A blocked one looks like one that waits: to say more would be tipping off.
CREATE VIEW unbooked_payments WITH (security_invoker = true) AS
    SELECT p.id, 'TX' || upper("right"(replace(p.id::text, '-', ''), 16)) AS reference_number, 'payment' AS transaction_type,
           p.sender_account_id AS from_account_id, NULL::uuid AS to_account_id, p.amount_minor, p.currency, p.exponent,
           round(p.amount_minor / 10::numeric ^ p.exponent::numeric, p.exponent::integer) AS amount,
           NULL::numeric AS exchange_rate, p.fee_minor,
           CASE WHEN p.status IN ('failed', 'cancelled') THEN p.status ELSE 'pending' END AS status,
           p.description, p.category,
           jsonb_build_object('rail', p.rail, 'recipient_name', p.recipient_name,
                              'to_account_number', '…' || "right"(p.recipient_account_number, 4),
                              'end_to_end_id', p.end_to_end_id)
               || CASE WHEN p.status IN ('failed', 'cancelled')
                       THEN jsonb_build_object('reason', p.reason_code) ELSE '{}' END
               || CASE WHEN p.status = 'scheduled' AND p.try_until IS NOT NULL
                       THEN jsonb_build_object('money_missing_until', p.try_until) ELSE '{}' END
               || CASE WHEN p.standing_order_id IS NOT NULL
                       THEN jsonb_build_object('standing_order_id', p.standing_order_id, 'number', p.number)
                       ELSE '{}' END AS metadata,
           coalesce(p.value_date, p.due_on) AS value_date, NULL::uuid AS reversal_of, p.ended_at AS processed_at, p.created_at
    FROM payments p WHERE p.transaction_id IS NULL;
GRANT SELECT ON unbooked_payments TO aurum_api, aurum_worker;
