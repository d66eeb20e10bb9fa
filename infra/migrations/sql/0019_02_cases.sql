-- A case of the compliance desk: one wire whose hits are open, with the clock of its review. It is closed when the wire
-- goes on, ends, or its money is seized, in the transaction that does it, whoever does.
CREATE TABLE screening_cases (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    wire_id     uuid NOT NULL,
    maker_id    uuid NOT NULL,
    opened_at   timestamptz NOT NULL,
    remind_at   timestamptz NOT NULL,
    escalate_at timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    -- When the wire expires undecided; null where it is blocked: that waits for as long as it takes.
    hard_stop   timestamptz,
    stage       text NOT NULL DEFAULT 'running' CHECK (stage IN ('running', 'reminded', 'escalated', 'breached', 'expired')),
    assignee    uuid REFERENCES users CHECK (assignee <> maker_id),
    claimed_at  timestamptz,
    closed_at   timestamptz,
    outcome     text,
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT screening_cases_claim CHECK ((assignee IS NULL) = (claimed_at IS NULL)),
    CONSTRAINT screening_cases_closed CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX screening_cases_one_open ON screening_cases (wire_id) WHERE closed_at IS NULL;
CREATE INDEX screening_cases_due ON screening_cases (due_at, id) WHERE closed_at IS NULL;

CREATE FUNCTION app.close_case() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
BEGIN
    UPDATE screening_cases c SET closed_at = clock_timestamp(), outcome = CASE
            WHEN NEW.status IN ('rejected', 'cancelled', 'expired', 'failed') THEN NEW.status
            WHEN NEW.compliance_status = 'blocked' THEN 'seized' ELSE 'cleared' END
        WHERE c.wire_id = NEW.id AND c.closed_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER wire_transfers_close_case AFTER UPDATE ON wire_transfers FOR EACH ROW
    WHEN (NEW.status IN ('rejected', 'cancelled', 'expired', 'failed') AND NEW.status <> OLD.status
          OR NEW.compliance_status IN ('clear', 'blocked') AND NEW.compliance_status <> OLD.compliance_status)
    EXECUTE FUNCTION app.close_case();

-- Money that was taken out of the customer's reach (31 CFR 501.603), and until when it was there.
CREATE TABLE blocked_property (
    wire_id        uuid PRIMARY KEY,
    maker_id       uuid NOT NULL,
    transaction_id uuid NOT NULL REFERENCES transactions,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL,
    blocked_at     timestamptz NOT NULL,
    released_at    timestamptz,
    release_id     uuid REFERENCES transactions,
    licence        text,
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT blocked_property_released CHECK (num_nulls(released_at, release_id, licence) IN (0, 3))
);
-- What has to be told to the authority, and by when: property that was blocked, transactions that were rejected
-- (31 CFR 501.603, 501.604: within ten business days each).
CREATE TABLE sanctions_reports (
    wire_id     uuid NOT NULL,
    maker_id    uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('blocked', 'rejected')),
    happened_at timestamptz NOT NULL,
    due_on      date NOT NULL,
    reference   text CHECK (length(btrim(reference)) BETWEEN 1 AND 100),
    filed_by    uuid REFERENCES users,
    filed_at    timestamptz,
    PRIMARY KEY (wire_id, kind),
    FOREIGN KEY (wire_id, maker_id) REFERENCES wire_transfers (id, user_id),
    CONSTRAINT sanctions_reports_filed CHECK (num_nulls(reference, filed_by, filed_at) IN (0, 3))
);
CREATE INDEX sanctions_reports_due ON sanctions_reports (due_on) WHERE filed_at IS NULL;

CREATE FUNCTION app.guard_report() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.filed_at IS NOT NULL OR NEW.filed_by = OLD.maker_id
        OR session_user = 'aurum_api' AND NEW.filed_by IS DISTINCT FROM app.user_id() THEN
        RAISE EXCEPTION 'a report is filed once, in one''s own name' USING ERRCODE = 'AU145';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sanctions_reports_guard BEFORE UPDATE ON sanctions_reports
    FOR EACH ROW EXECUTE FUNCTION app.guard_report();
CREATE TRIGGER sanctions_reports_no_delete BEFORE DELETE ON sanctions_reports
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER blocked_property_no_delete BEFORE DELETE ON blocked_property
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON screening_cases, blocked_property, sanctions_reports TO aurum_api, aurum_worker;
GRANT INSERT ON screening_cases, blocked_property, sanctions_reports TO aurum_worker;
GRANT UPDATE (stage, hard_stop, assignee, claimed_at) ON screening_cases TO aurum_worker;
GRANT UPDATE (released_at, release_id, licence) ON blocked_property TO aurum_worker;
GRANT UPDATE (assignee, claimed_at) ON screening_cases TO aurum_api;
GRANT UPDATE (reference, filed_by, filed_at) ON sanctions_reports TO aurum_api;
ALTER TABLE screening_cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE blocked_property ENABLE ROW LEVEL SECURITY;
ALTER TABLE sanctions_reports ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON screening_cases TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON blocked_property TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sanctions_reports TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY staff ON screening_cases FOR SELECT TO aurum_api
    USING (app.may('wires:read') AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY claimed ON screening_cases FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.role() <> 'customer' AND maker_id <> app.user_id() AND closed_at IS NULL)
    WITH CHECK (assignee IS NULL OR assignee = app.user_id());
CREATE POLICY staff ON blocked_property FOR SELECT TO aurum_api
    USING ((app.may('admin:compliance') OR app.may('admin:reports')) AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY staff ON sanctions_reports FOR SELECT TO aurum_api
    USING ((app.may('admin:compliance') OR app.may('admin:reports')) AND app.role() <> 'customer' AND maker_id <> app.user_id());
CREATE POLICY filed ON sanctions_reports FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.role() <> 'customer' AND maker_id <> app.user_id())
    WITH CHECK (app.may('admin:compliance'));
