-- What officers ask a customer about a wire, and the answers: one round after the other. A question is answered once.
CREATE TABLE wire_questions (
    wire_id     uuid NOT NULL REFERENCES wire_transfers,
    round       integer NOT NULL CHECK (round BETWEEN 1 AND 20),
    question    text NOT NULL CHECK (length(question) BETWEEN 1 AND 2000),
    asked_by    uuid NOT NULL REFERENCES users,
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    answer      text CHECK (length(answer) BETWEEN 1 AND 4000),
    answered_by uuid REFERENCES users,
    answered_at timestamptz,
    -- When the desk's clock was given the time that the customer took.
    credited_at timestamptz,
    PRIMARY KEY (wire_id, round),
    CONSTRAINT wire_questions_answer CHECK (num_nulls(answer, answered_by, answered_at) IN (0, 3)),
    CONSTRAINT wire_questions_credit CHECK (credited_at IS NULL OR answered_at IS NOT NULL)
);
CREATE UNIQUE INDEX wire_questions_one_open ON wire_questions (wire_id) WHERE answer IS NULL;

CREATE FUNCTION app.guard_question() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.wire_id <> OLD.wire_id OR NEW.round <> OLD.round OR NEW.question <> OLD.question
        OR NEW.asked_by <> OLD.asked_by OR NEW.asked_at <> OLD.asked_at
        OR OLD.answer IS NOT NULL AND (NEW.answer, NEW.answered_by, NEW.answered_at)
            IS DISTINCT FROM (OLD.answer, OLD.answered_by, OLD.answered_at)
        OR OLD.credited_at IS NOT NULL AND NEW.credited_at IS DISTINCT FROM OLD.credited_at THEN
        RAISE EXCEPTION 'what was asked and answered about a wire does not change' USING ERRCODE = 'AU137';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wire_questions_guard BEFORE UPDATE ON wire_questions
    FOR EACH ROW EXECUTE FUNCTION app.guard_question();
CREATE TRIGGER wire_questions_no_delete BEFORE DELETE ON wire_questions
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Who on the desk looks after a wire. It keeps nobody else from deciding.
ALTER TABLE wire_transfers ADD COLUMN assignee uuid REFERENCES users, ADD COLUMN claimed_at timestamptz,
    ADD CONSTRAINT wire_transfers_claim CHECK ((assignee IS NULL) = (claimed_at IS NULL) AND assignee <> user_id);
CREATE INDEX wire_transfers_assignee ON wire_transfers (assignee)
    WHERE assignee IS NOT NULL AND status IN ('awaiting_approval', 'info_requested');

GRANT SELECT ON wire_questions TO aurum_api, aurum_worker;
GRANT INSERT (wire_id, round, question, asked_by), UPDATE (answer, answered_by, answered_at) ON wire_questions TO aurum_api;
GRANT UPDATE (credited_at) ON wire_questions TO aurum_worker;
GRANT UPDATE (assignee, claimed_at) ON wire_transfers TO aurum_api, aurum_worker;
ALTER TABLE wire_questions ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_questions TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY seen ON wire_questions FOR SELECT TO aurum_api
    USING (EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id));
CREATE POLICY asked ON wire_questions FOR INSERT TO aurum_api
    WITH CHECK (asked_by = app.user_id() AND app.may('wires:approve') AND app.role() <> 'customer'
                AND EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id AND w.user_id <> app.user_id()));
CREATE POLICY answered ON wire_questions FOR UPDATE TO aurum_api
    USING (EXISTS (SELECT FROM wire_transfers w WHERE w.id = wire_id AND w.user_id = app.user_id()))
    WITH CHECK (answered_by = app.user_id());

-- Beside taking it back, a customer brings a wire back to the desk, by answering. `app.guard_wire` holds both to it.
DROP POLICY own_change ON wire_transfers;
CREATE POLICY own_change ON wire_transfers FOR UPDATE TO aurum_api
    USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id() AND status IN ('cancelled', 'awaiting_approval'));
