-- Who asks is told by the connection: the worker is the process; by the API somebody acts as the customer of the review
-- or as an officer. The owner of the schema (migrations, seeds) is held to the moves, and to no mover.
CREATE FUNCTION app.kyc_mover(customer uuid) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN session_user = 'aurum_worker' THEN 'process'
                WHEN session_user = 'aurum_api' AND app.user_id() = customer THEN 'customer'
                WHEN session_user = 'aurum_api' THEN 'officer' END;

CREATE FUNCTION app.guard_kyc_case() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    who text := app.kyc_mover(OLD.user_id);
BEGIN
    IF (NEW.id, NEW.user_id, NEW.number, NEW.occasion, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.number, OLD.occasion, OLD.created_at) OR NEW.round < OLD.round THEN
        RAISE EXCEPTION 'whose review % is, and why, cannot be changed', OLD.id USING ERRCODE = 'AU180';
    END IF;
    IF OLD.status IN ('approved', 'rejected', 'expired') AND (NEW.status, NEW.tier, NEW.next_review_at, NEW.decided_by, NEW.decided_at, NEW.content_hash)
        IS DISTINCT FROM (OLD.status, OLD.tier, OLD.next_review_at, OLD.decided_by, OLD.decided_at, OLD.content_hash) THEN
        RAISE EXCEPTION 'review % has ended', OLD.id USING ERRCODE = 'AU184';
    END IF;
    IF who = 'customer' AND ((NEW.assignee_id, NEW.claimed_at, NEW.next_review_at, NEW.decided_by, NEW.told)
        IS DISTINCT FROM (OLD.assignee_id, OLD.claimed_at, OLD.next_review_at, OLD.decided_by, OLD.told)
        OR NEW.tier <> OLD.tier AND NEW.status <> 'submitted') THEN
        RAISE EXCEPTION 'of review % this is the officers'' to change', OLD.id USING ERRCODE = 'AU185';
    END IF;
    IF NEW.status <> OLD.status THEN
        IF NOT EXISTS (SELECT FROM kyc_moves m WHERE m.from_status = OLD.status AND m.to_status = NEW.status
                       AND (who IS NULL OR m.mover = who)) THEN
            RAISE EXCEPTION 'a review does not move from % to % by a %', OLD.status, NEW.status, coalesce(who, 'nobody')
                USING ERRCODE = 'AU181';
        END IF;
        IF NEW.status = 'submitted' AND NEW.round = OLD.round AND OLD.status <> 'in_review' THEN
            RAISE EXCEPTION 'what is handed in anew is a new round' USING ERRCODE = 'AU182';
        END IF;
        IF NEW.status = 'expired' AND who = 'customer' AND OLD.occasion <> 'initial' THEN
            RAISE EXCEPTION 'a review of the bank is not withdrawn' USING ERRCODE = 'AU181';
        END IF;
        -- Approved: by enough officers, on what is there now; straight through only what nobody has to look at.
        IF NEW.status = 'approved' AND (
            (SELECT count(*) FROM kyc_decisions d WHERE d.case_id = NEW.id AND d.decision = 'approve'
                AND d.content_hash = NEW.content_hash) < NEW.approvals_required
            OR NEW.senior_required AND NOT EXISTS (SELECT FROM kyc_decisions d WHERE d.case_id = NEW.id
                AND d.decision = 'approve' AND d.senior AND d.content_hash = NEW.content_hash)
            OR NOT EXISTS (SELECT FROM kyc_assessments a WHERE a.case_id = NEW.id AND a.round = NEW.round
                AND a.content_hash = NEW.content_hash)
            OR NEW.risk_level = 'high' AND (NEW.approvals_required < 2 OR NOT NEW.senior_required)
            OR NEW.approvals_required = 0 AND (who IS DISTINCT FROM 'process' OR NEW.risk_level <> 'low'
                OR EXISTS (SELECT FROM kyc_hits h WHERE h.case_id = NEW.id))) THEN
            RAISE EXCEPTION 'review % is not approved by enough officers', NEW.id USING ERRCODE = 'AU183';
        END IF;
        IF NEW.status = 'rejected' AND NOT EXISTS (SELECT FROM kyc_decisions d WHERE d.case_id = NEW.id
            AND d.decision = 'reject' AND d.officer_id = NEW.decided_by) THEN
            RAISE EXCEPTION 'review % is rejected by nobody', NEW.id USING ERRCODE = 'AU183';
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER kyc_cases_guard BEFORE UPDATE ON kyc_cases FOR EACH ROW EXECUTE FUNCTION app.guard_kyc_case();
CREATE TRIGGER kyc_cases_no_delete BEFORE DELETE ON kyc_cases FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Reviews that the customer does not see count as well.
CREATE FUNCTION kyc_next_number(customer uuid) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
    SELECT 1 + count(*)::integer FROM kyc_cases c WHERE c.user_id = customer
        AND (session_user <> 'aurum_api' OR customer = app.user_id())
$$;
REVOKE EXECUTE ON FUNCTION kyc_next_number(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kyc_next_number(uuid) TO aurum_api, aurum_worker;

-- How a review begins. After the row is in, so that row level security has spoken first.
CREATE FUNCTION app.guard_new_kyc_case() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    customer users%ROWTYPE;
BEGIN
    SELECT * INTO customer FROM users u WHERE u.id = NEW.user_id;
    IF NEW.status NOT IN ('pending', 'submitted') OR NEW.rung <> 'opened'
        OR NEW.number <> 1 + (SELECT count(*) FROM kyc_cases c WHERE c.user_id = NEW.user_id AND c.id <> NEW.id)
        OR customer.role <> 'customer' OR (NEW.occasion = 'initial') = (customer.kyc_status = 'approved')
        OR NEW.occasion = 'initial' AND NEW.status <> 'submitted' THEN
        RAISE EXCEPTION 'a review of % does not begin so', NEW.user_id USING ERRCODE = 'AU186';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER kyc_cases_begin AFTER INSERT ON kyc_cases FOR EACH ROW EXECUTE FUNCTION app.guard_new_kyc_case();

-- The customer follows the review, in the same transaction, whoever moved it. While an approved customer is looked at
-- again they stay approved, until the ladder says otherwise; an approval that has lapsed is `expired`. Somebody who is
-- held because of a hit is told only that the bank is looking.
CREATE FUNCTION app.kyc_case_moves_its_customer() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    held boolean := NEW.restriction IN ('frozen', 'exit');
    open boolean := NEW.status IN ('pending', 'submitted', 'in_review', 'info_requested');
BEGIN
    UPDATE users SET
        kyc_status = CASE
            WHEN NEW.occasion <> 'initial' AND open THEN
                CASE WHEN NOT held THEN 'approved' WHEN NEW.occasion = 'screening_hit' THEN 'in_review' ELSE 'expired' END
            WHEN NEW.status = 'expired' AND NEW.reason_code = 'withdrawn' THEN 'not_started'
            ELSE NEW.status END,
        kyc_restriction = CASE WHEN open THEN NEW.restriction ELSE 'none' END,
        tier = CASE WHEN NEW.status = 'approved' THEN NEW.tier ELSE tier END,
        risk_level = CASE WHEN NEW.status = 'approved' THEN NEW.risk_level ELSE risk_level END,
        kyc_review_due = CASE WHEN NEW.status = 'approved' THEN NEW.next_review_at
                              WHEN NEW.status = 'rejected' THEN NULL ELSE kyc_review_due END,
        updated_at = clock_timestamp()
        WHERE id = NEW.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER kyc_cases_customer_begins AFTER INSERT ON kyc_cases
    FOR EACH ROW EXECUTE FUNCTION app.kyc_case_moves_its_customer();
CREATE TRIGGER kyc_cases_customer_follows AFTER UPDATE ON kyc_cases
    FOR EACH ROW WHEN (OLD.status <> NEW.status OR OLD.restriction <> NEW.restriction)
    EXECUTE FUNCTION app.kyc_case_moves_its_customer();

-- The first document makes an application that is under way.
CREATE FUNCTION app.kyc_document_begins() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    UPDATE users SET kyc_status = 'pending', updated_at = clock_timestamp()
        WHERE id = NEW.user_id AND kyc_status = 'not_started';
    RETURN NULL;
END $$;
CREATE TRIGGER kyc_documents_begin AFTER INSERT ON kyc_documents FOR EACH ROW EXECUTE FUNCTION app.kyc_document_begins();

-- An answer is written once, into the question that it answers.
CREATE FUNCTION app.guard_kyc_answer() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
BEGIN
    IF OLD.answered_at IS NOT NULL OR NEW.answered_at IS NULL THEN
        RAISE EXCEPTION 'question % has its answer', OLD.id USING ERRCODE = 'AU187';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kyc_info_requests_guard BEFORE UPDATE ON kyc_info_requests
    FOR EACH ROW EXECUTE FUNCTION app.guard_kyc_answer();
CREATE TRIGGER kyc_info_requests_no_delete BEFORE DELETE ON kyc_info_requests
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['kyc_decisions', 'kyc_assessments', 'kyc_hits', 'kyc_notes', 'kyc_suspicions', 'kyc_events'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION app.refuse_change()',
                       kept || '_append_only', kept);
    END LOOP;
END $$;
