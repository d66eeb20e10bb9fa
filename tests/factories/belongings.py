"""One row in every table that keeps something of somebody, for tests that ask who else can see it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import InternalPurpose
from models.tables.ledger import internal_account, post_one
from tests.factories.ledger import entry
from tests.factories.wires import People, ordered, people

# What the features of the bank do not write in the course of an order, in the order of its references.
_ROWS = """
    INSERT INTO sessions (id, user_id) VALUES (uuidv7(), :customer);
    INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
        SELECT sha256('r'), id, now() + interval '1 day' FROM sessions;
    INSERT INTO email_tokens (token_hash, user_id, purpose, expires_at)
        VALUES (sha256('e'), :customer, 'reset_password', now() + interval '1 day');
    INSERT INTO totp_factors (user_id, seed_sealed, enabled_at)
        VALUES (:customer, sha256('seed') || sha256('d'), now());
    INSERT INTO recovery_codes (user_id, code_hash) VALUES (:customer, sha256('c'));
    INSERT INTO challenge_uses (nonce, user_id, expires_at)
        VALUES (substr(sha256('n'), 1, 16), :customer, now() + interval '1 day');
    INSERT INTO sign_in_failures (name, counted, failures, failed_at, blocked_until)
        VALUES (sha256('f'), 'account', 1, now(), now());
    INSERT INTO sign_in_places (place, seen_at) VALUES (sha256('p'), now());
    INSERT INTO notifications (user_id, key, event, subject, body) VALUES (:customer, 'k', 'told', 'Told', 'Something');
    INSERT INTO notification_settings (user_id) VALUES (:customer);
    INSERT INTO notification_choices (user_id, topic, in_app, email) VALUES (:customer, 'price_alerts', true, 'off');
    INSERT INTO mail_events (event_id, notification_id, event, address, happened_at)
        SELECT 'e', id, 'delivered', 'somebody@people.example', now() FROM notifications;
    INSERT INTO mail_suppressions (address, reason) VALUES ('somebody@people.example', 'bounce');
    INSERT INTO idempotency_keys (user_id, key, route, request_hash, status, answer)
        VALUES (:customer, 'k', 'POST /', sha256('h'), 201, '{}');
    INSERT INTO limit_uses (user_id, family, currency, amount_minor, transaction_id, at)
        VALUES (:customer, 'transfer', 'USD', 100, uuidv7(), now());
    INSERT INTO audit_logs (user_id, actor_role, action, resource_type, resource_id, outcome)
        VALUES (:customer, 'customer', 'wires.create_wire', 'wire', :wire, 'done');
    INSERT INTO audit_seals (chain_seq, audit_id, row_hash, chain_hash, formula, sealed_at)
        SELECT 1, min(id), sha256('r'), sha256('c'), 1, now() FROM audit_logs;
    INSERT INTO audit_seal_progress (settled_id, swept_at) VALUES (0, now());
    INSERT INTO ledger_checkpoints (account_id, posted_minor, postings)
        SELECT id, 1, 1 FROM accounts WHERE user_id IS NOT NULL LIMIT 1;
    INSERT INTO beneficiaries (user_id, name, bank_swift, account_sealed, fingerprint, country, known_from)
        VALUES (:customer, 'Somebody', 'TESTUS33', sha256('a') || sha256('b'), sha256('f'), 'US', now());
    INSERT INTO account_flow_horizons (account_id, version)
        SELECT id, 1 FROM accounts WHERE user_id IS NOT NULL LIMIT 1;
    INSERT INTO account_flows (account_id, day, category, own, in_minor, out_minor, times)
        SELECT account_id, '2026-11-01', 'other', false, 1, 0, 1 FROM account_flow_horizons;
    INSERT INTO account_flow_peaks (account_id, day, own, amounts, entries)
        SELECT account_id, '2026-11-01', false, '{-1}', ARRAY[uuidv7()] FROM account_flow_horizons;
    INSERT INTO transaction_reversals (transaction_id, status, reason, asked_by)
        SELECT max(id::text)::uuid, 'approved', 'r', :officer FROM transactions;
    INSERT INTO side_proofs (kind, run, took_ms, proven, checked, finding_count, findings)
        VALUES ('flows', 'r', 1, true, 1, 0, '[]');
    INSERT INTO wire_routings (wire_id, matrix_version, matrix_row, approvers, in_order, base_currency, inputs,
            explanation, content_hash, routed_at)
        VALUES (CAST(:wire AS uuid), 1, 'r', '{officer}', false, 'EUR', '{}', 'e', sha256('w'), now());
    INSERT INTO wire_questions (wire_id, round, question, asked_by) VALUES (CAST(:wire AS uuid), 1, 'Why?', :officer);
    INSERT INTO approver_delegations (delegator, delegate, roles, ends_at, reason)
        VALUES (:officer, :senior, '{officer}', now() + interval '1 day', 'Away');
    INSERT INTO wire_approvals (wire_id, maker_id, officer_id, decision, senior, content_hash)
        VALUES (CAST(:wire AS uuid), :customer, :officer, 'approve', false, sha256('w'));
    INSERT INTO wire_hits (wire_id, entry_id, list_version, field, matched, score, verdict)
        VALUES (CAST(:wire AS uuid), 'AD-1', '1', 'recipient_name', 'Viktor', 0.9, 'fuzzy');
    INSERT INTO wire_rulings (wire_id, maker_id, hit_id, ruling, reason, proposed_by, proposed_senior)
        SELECT wire_id, :customer, id, 'clear', 'born elsewhere', :officer, false FROM wire_hits;
    INSERT INTO screening_cases (wire_id, maker_id, opened_at, remind_at, escalate_at, due_at)
        VALUES (CAST(:wire AS uuid), :customer, now(), now(), now(), now());
    INSERT INTO blocked_property (wire_id, maker_id, transaction_id, amount_minor, currency, blocked_at)
        SELECT CAST(:wire AS uuid), :customer, max(id::text)::uuid, 100, 'USD', now() FROM transactions;
    INSERT INTO blocked_interest (wire_id, maker_id, from_day, to_day, base_minor, carried_parts, earned_parts,
            amount_minor, left_parts)
        SELECT wire_id, maker_id, CAST(blocked_at AS date), CAST(blocked_at AS date) + 1, 100, 0, 3000000, 0, 3000000
        FROM blocked_property;
    INSERT INTO sanctions_reports (wire_id, maker_id, kind, happened_at, due_on)
        VALUES (CAST(:wire AS uuid), :customer, 'blocked', now(), '2026-12-01');
    INSERT INTO sanctions_false_positives (subject_kind, subject_key, list, entry_id, entry_hash, subject_hash,
        list_version, reason, proposed_by, expires_at) VALUES ('customer', CAST(:customer AS text), 'AURUM-DEMO',
        'AD-1', sha256('e'), sha256('s'), '1', 'born elsewhere', :officer, now() + interval '1 day');
    INSERT INTO standing_orders (id, user_id, sender_account_id, rail, amount_minor, currency, exponent, recipient_name,
            recipient_account_number, recipient_account_type, recipient_is_company, category, frequency,
            non_banking_day, first_on)
        SELECT '00000000-0000-7000-8000-000000000001', user_id, id, 'sepa', 100, 'EUR', 2, 'Nina Landlady',
            'DE89370400440532013000', 'checking', false, 'housing', 'monthly', 'next', '2026-12-01'
        FROM accounts WHERE user_id = :customer AND currency = 'EUR';
    INSERT INTO payments (id, user_id, sender_account_id, standing_order_id, number, status, rail, amount_minor,
            fee_minor, currency, exponent, recipient_name, recipient_account_number, recipient_account_type,
            recipient_is_company, category, due_on, end_to_end_id, uetr)
        SELECT '00000000-0000-7000-8000-000000000002', user_id, sender_account_id, id, 1, 'scheduled', rail,
            amount_minor, 0, currency, exponent, recipient_name, recipient_account_number, recipient_account_type,
            recipient_is_company, category, first_on, 'P1', gen_random_uuid() FROM standing_orders;
    INSERT INTO payment_events (payment_id, event, status, actor, actor_id)
        SELECT id, 'ordered', status, 'customer', user_id FROM payments;
    INSERT INTO payment_hits (payment_id, maker_id, list, entry_id, list_version, field, matched, score, verdict, parts)
        SELECT id, user_id, 'AURUM-DEMO', 'AD-1', '1', 'creditor', 'Viktor', 1, 'exact', '{}' FROM payments;
    INSERT INTO bank_messages (wire_id, direction, message_type, file_name, sha256, content, status)
        VALUES (CAST(:wire AS uuid), 'inbound', 'pacs.002', 'a.xml', sha256('m'), 'x', 'read');
    INSERT INTO bank_answers (message_id, position, wire_id, kind)
        SELECT id, 1, CAST(:wire AS uuid), 'accepted' FROM bank_messages;
    INSERT INTO bank_statements (message_id, account, statement_id, sequence, currency, day)
        SELECT id, 'NL26MOCK0000009001', 'S-1', 1, 'USD', '2026-11-23' FROM bank_messages;
    INSERT INTO bank_statement_entries (statement_id, position, amount_minor, currency, booked)
        SELECT id, 0, -1, 'USD', true FROM bank_statements;
    INSERT INTO nostro_items (transaction_id, leg, account, currency, amount_minor, value_on, booked_at)
        SELECT transaction_id, leg, 'NL26MOCK0000009001', 'USD', -1, '2026-11-23', now() FROM postings LIMIT 1;
    INSERT INTO reconciliation_breaks (subject, kind, account, currency, day, theirs_minor, detail, two_people)
        VALUES ('entry/1', 'not_in_ours', 'NL26MOCK0000009001', 'USD', '2026-11-23', -1, 'd', false);
    INSERT INTO bank_messages (direction, message_type, file_name, sha256, content, status)
        VALUES ('inbound', 'camt.054', 'q.xml', sha256('q'), 'x', 'quarantined');
    INSERT INTO quarantined_answers (message_id, position, kind, matched)
        SELECT id, 0, 'booked', false FROM bank_messages WHERE status = 'quarantined';
    INSERT INTO quarantine_rulings (message_id, ruling, position, wire_id, reason, proposed_by)
        SELECT message_id, 'assign', position, CAST(:wire AS uuid), 'why', :officer FROM quarantined_answers;
    INSERT INTO bank_cancellations (message_id, position, assignment_id, wire_id)
        SELECT id, 0, 'A1', CAST(:wire AS uuid) FROM bank_messages WHERE status = 'quarantined';
    INSERT INTO bank_cancellation_inquiries (message_id, position, cancellation_id)
        SELECT message_id, 0, id FROM bank_cancellations;
    INSERT INTO bank_cancellation_answers (cancellation_id, outcome, reason_code, reason, proposed_by)
        SELECT id, 'RJCR', 'NOOR', 'why', :officer FROM bank_cancellations;
    INSERT INTO kyc_documents (user_id, document_type, file_path, file_hash, upload_hash, content_type, size_bytes,
                               pages, key_sealed)
        VALUES (:customer, 'passport', 'a-key-of-the-store', repeat('a', 64), repeat('b', 64), 'application/pdf', 1, 1,
                sha256('k') || sha256('k'));
    INSERT INTO statements (user_id, account_id, period, version, currency, exponent, begins_at, ends_at,
            after_version, last_version, opening_minor, closing_minor, credit_count, credit_minor, debit_count,
            debit_minor, fee_minor, interest_minor, held_minor)
        SELECT user_id, id, '2026-10', 1, currency, exponent, '2026-10-01', '2026-11-01', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0 FROM accounts WHERE user_id = :customer AND currency = 'USD';
    INSERT INTO statement_files (statement_id, form, content_hash, size_bytes, file_path, key_sealed)
        SELECT id, 'pdf', repeat('a', 64), 1, 'a-statement-of-the-store', sha256('k') || sha256('k') FROM statements;
    INSERT INTO kyc_cases (user_id, number, occasion, status, tier, due_at)
        VALUES (:customer, 1, 'periodic', 'pending', 'standard', now() + interval '90 days');
    INSERT INTO kyc_decisions (case_id, customer_id, officer_id, decision, senior, content_hash)
        SELECT id, user_id, :officer, 'approve', false, sha256('c') FROM kyc_cases;
    INSERT INTO kyc_assessments (case_id, customer_id, round, model_version, level, points, factors, findings,
        list_version, content_hash) SELECT id, user_id, 1, '1', 'low', 0, '[]', '{}', '1', sha256('c') FROM kyc_cases;
    INSERT INTO kyc_hits (case_id, customer_id, list, entry_id, entry_hash, list_version, kind, field, matched, score,
        verdict)
        SELECT id, user_id, 'AURUM-DEMO', 'AD-1', sha256('e'), '1', 'sanctions', 'name', 'Viktor', 0.9, 'fuzzy'
        FROM kyc_cases;
    INSERT INTO kyc_info_requests (case_id, customer_id, officer_id, question, asked_at, due_at)
        SELECT id, user_id, :officer, 'Why?', now(), now() + interval '14 days' FROM kyc_cases;
    INSERT INTO kyc_notes (case_id, customer_id, officer_id, body) SELECT id, user_id, :officer, 'Note' FROM kyc_cases;
    INSERT INTO kyc_suspicions (case_id, customer_id, officer_id, body)
        SELECT id, user_id, :officer, 'Odd' FROM kyc_cases;
    INSERT INTO kyc_events (case_id, customer_id, event, status, actor)
        SELECT id, user_id, 'opened', status, 'process' FROM kyc_cases;
    INSERT INTO monitoring_horizons (account_id, version)
        SELECT id, 1 FROM accounts WHERE user_id IS NOT NULL LIMIT 1;
    INSERT INTO monitoring_cases (customer_id, alerts, two_people, due_at) VALUES (:customer, 1, false, now());
    INSERT INTO monitoring_alerts (case_id, customer_id, account_id, account_number, currency, rulebook, rule,
            two_people, account_version, happened_at, begins_at, silent_until, movements, amount_minor)
        SELECT c.id, c.customer_id, h.account_id, 'NL01', 'USD', 1, 'velocity_day', false, 1, now(), now(),
            now() + interval '1 day', 1, 1 FROM monitoring_cases c, monitoring_horizons h;
    INSERT INTO monitoring_evidence (alert_id, account_version, customer_id, transaction_id, transaction_type,
            description, amount_minor, moved_at)
        SELECT a.id, 1, a.customer_id, (SELECT max(id::text)::uuid FROM transactions), 'transfer', 'd', 1, now()
        FROM monitoring_alerts a;
    INSERT INTO monitoring_snoozes (account_id, rule, until, customer_id, case_id)
        SELECT account_id, rule, now() + interval '1 day', customer_id, case_id FROM monitoring_alerts;
    INSERT INTO monitoring_events (case_id, customer_id, event, officer_id, body)
        SELECT id, customer_id, 'commented', :officer, 'Odd' FROM monitoring_cases;
    INSERT INTO watchlists (user_id, name) VALUES (:customer, 'Mine');
    INSERT INTO watchlist_items (watchlist_id, user_id, symbol, position)
        SELECT id, user_id, 'XALDE', 1 FROM watchlists;
    INSERT INTO price_alerts (user_id, symbol, condition, level, reference, times)
        VALUES (:customer, 'XALDE', 'above', 1, 1, 1);
    INSERT INTO price_alert_firings (alert_id, number, user_id, price, as_of, fired_at)
        SELECT id, 1, user_id, 1, now(), now() FROM price_alerts;
"""
# A wire is recalled when it has left, and overridden while officers decide, and a payment is ruled about while it is
# blocked; here that is said without the steps before.
_LATER = """
    ALTER TABLE wire_recalls DISABLE TRIGGER wire_recalls_made;
    INSERT INTO wire_recalls (wire_id, user_id, requested_by, case_id, reason)
        VALUES (CAST(:wire AS uuid), :customer, :officer, 'R1', 'DUPL');
    ALTER TABLE wire_recalls ENABLE TRIGGER wire_recalls_made;
    ALTER TABLE wire_call_backs DISABLE TRIGGER wire_call_backs_made;
    ALTER TABLE wire_overrides DISABLE TRIGGER wire_overrides_made;
    INSERT INTO wire_call_backs (wire_id, maker_id, content_hash, number, known_since, spoken_to, result, called_by)
        VALUES (CAST(:wire AS uuid), :customer, sha256('w'), '+31201234567', now(), 'Clara', 'confirmed', :officer);
    INSERT INTO wire_overrides (wire_id, maker_id, content_hash, reason, evidence, evidence_hash, proposed_by)
        VALUES (CAST(:wire AS uuid), :customer, sha256('w'), 'It closes at noon', 'seen', sha256('seen'), :senior);
    INSERT INTO wire_after_reviews (override_id, started_at, remind_at, escalate_at, due_at)
        SELECT id, now(), now(), now(), now() + interval '1 day' FROM wire_overrides;
    ALTER TABLE wire_call_backs ENABLE TRIGGER wire_call_backs_made;
    ALTER TABLE wire_overrides ENABLE TRIGGER wire_overrides_made;
    ALTER TABLE payment_rulings DISABLE TRIGGER payment_rulings_made;
    INSERT INTO payment_rulings (payment_id, maker_id, ruling, reason, proposed_by, proposed_senior)
        SELECT id, user_id, 'clear', 'born elsewhere', :officer, false FROM payments;
    ALTER TABLE payment_rulings ENABLE TRIGGER payment_rulings_made;
"""


async def belongings(owner: AsyncEngine, api: AsyncEngine) -> tuple[People, str]:
    """A customer with money, a wire of theirs, and something of theirs in every table. Returns the wire's id too."""
    everybody = await people(owner)
    wire = await ordered(api, everybody)
    values = {
        "customer": everybody.customer,
        "officer": everybody.officers[0],
        "senior": everybody.senior,
        "wire": str(wire.id),
    }
    async with transaction(owner) as session:
        opening_account = await internal_account(session, InternalPurpose.OPENING, "USD")
        await post_one(session, entry(opening_account, everybody.usd_account, 1_00, "USD"))
        for statement in (_ROWS + _LATER).split(";\n"):
            if statement.strip():
                await session.execute(text(statement), values)
    return everybody, str(wire.id)
