-- What the policy asks of a customer beside their status (models/kyc/policy.py), and when they are looked at again.
-- Kept in step by app.kyc_case_moves_its_customer; no role of the API writes them.
ALTER TABLE users
    ADD COLUMN kyc_restriction text NOT NULL DEFAULT 'none' CHECK (kyc_restriction IN ('none', 'limited', 'frozen', 'exit')),
    ADD COLUMN kyc_review_due timestamptz;
CREATE INDEX users_kyc_review_due ON users (kyc_review_due) WHERE role = 'customer' AND kyc_status = 'approved';

-- The allowed moves of a review; the same table as models/kyc/states.py MOVES, and a test holds them together.
CREATE TABLE kyc_moves (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    mover       text NOT NULL CHECK (mover IN ('customer', 'officer', 'process')),
    PRIMARY KEY (from_status, to_status, mover)
);
INSERT INTO kyc_moves (from_status, to_status, mover) VALUES
    ('pending', 'submitted', 'customer'),
    ('pending', 'in_review', 'process'),
    ('submitted', 'in_review', 'process'),
    ('submitted', 'info_requested', 'process'),
    ('submitted', 'approved', 'process'),
    ('submitted', 'expired', 'customer'),
    ('in_review', 'approved', 'officer'),
    ('in_review', 'rejected', 'officer'),
    ('in_review', 'info_requested', 'officer'),
    ('in_review', 'submitted', 'officer'),
    ('in_review', 'expired', 'customer'),
    ('info_requested', 'submitted', 'customer'),
    ('info_requested', 'rejected', 'officer'),
    ('info_requested', 'expired', 'customer'),
    ('info_requested', 'expired', 'process'),
    ('info_requested', 'in_review', 'process');

CREATE TABLE kyc_cases (
    id                 uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id            uuid NOT NULL REFERENCES users,
    number             integer NOT NULL CHECK (number >= 1),
    occasion           text NOT NULL CHECK (occasion IN ('initial', 'periodic', 'document_expiry', 'name_changed',
        'country_changed', 'screening_hit', 'unusual_volume', 'dormant_active')),
    status             text NOT NULL CHECK (status IN ('pending', 'submitted', 'in_review', 'info_requested', 'approved',
        'rejected', 'expired')),
    -- Whether the customer knows of it. One that the bank holds by itself is told only by asking something.
    told               boolean NOT NULL DEFAULT true,
    -- Counts what was handed in: a submission and each answer begin a round, and what was decided before is void.
    round              integer NOT NULL DEFAULT 1 CHECK (round >= 1),
    tier               text NOT NULL CHECK (tier IN ('standard', 'premium', 'private')),
    declaration        jsonb NOT NULL DEFAULT '{}',
    -- Who the customer was when it was checked: what a later change is compared with.
    profile            jsonb NOT NULL DEFAULT '{}',
    due_at             timestamptz,
    rung               text NOT NULL DEFAULT 'opened'
        CHECK (rung IN ('opened', 'notice_90', 'notice_30', 'notice_7', 'limited', 'frozen', 'exit')),
    restriction        text NOT NULL DEFAULT 'none' CHECK (restriction IN ('none', 'limited', 'frozen', 'exit')),
    sla_started_at     timestamptz,
    sla_remind_at      timestamptz,
    sla_escalate_at    timestamptz,
    sla_deadline       timestamptz,
    sla_stage          text NOT NULL DEFAULT 'none'
        CHECK (sla_stage IN ('none', 'running', 'reminded', 'escalated', 'breached', 'met')),
    asked_at           timestamptz,
    answer_due_at      timestamptz,
    answer_stage       text NOT NULL DEFAULT 'none' CHECK (answer_stage IN ('none', 'running', 'reminded', 'escalated', 'breached')),
    assignee_id        uuid REFERENCES users,
    claimed_at         timestamptz,
    approvals_required integer NOT NULL DEFAULT 1 CHECK (approvals_required BETWEEN 0 AND 5),
    senior_required    boolean NOT NULL DEFAULT false,
    risk_level         text CHECK (risk_level IN ('low', 'medium', 'high')),
    risk_points        integer,
    list_version       text,
    content_hash       bytea CHECK (length(content_hash) = 32),
    next_review_at     timestamptz,
    decided_by         uuid REFERENCES users,
    decided_at         timestamptz,
    reason_code        text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT kyc_cases_number UNIQUE (user_id, number),
    CONSTRAINT kyc_cases_id_and_customer UNIQUE (id, user_id),
    CONSTRAINT kyc_cases_four_eyes CHECK (assignee_id <> user_id AND decided_by <> user_id),
    CONSTRAINT kyc_cases_ladder CHECK (rung = 'opened' OR due_at IS NOT NULL),
    -- In the queue with everything that a decision is about, and with a clock.
    CONSTRAINT kyc_cases_queued CHECK (status NOT IN ('in_review', 'approved') OR content_hash IS NOT NULL
        AND risk_level IS NOT NULL AND sla_deadline IS NOT NULL AND list_version IS NOT NULL),
    CONSTRAINT kyc_cases_asked CHECK (status <> 'info_requested' OR asked_at IS NOT NULL AND answer_due_at IS NOT NULL AND told),
    CONSTRAINT kyc_cases_approved CHECK ((status = 'approved') = (next_review_at IS NOT NULL)),
    CONSTRAINT kyc_cases_ended CHECK ((status IN ('approved', 'rejected', 'expired')) = (decided_at IS NOT NULL)),
    CONSTRAINT kyc_cases_told_first CHECK (occasion <> 'initial' OR told AND restriction = 'none')
);
CREATE UNIQUE INDEX kyc_cases_one_open ON kyc_cases (user_id)
    WHERE status IN ('pending', 'submitted', 'in_review', 'info_requested');
-- The queue: what is due first stands first.
CREATE INDEX kyc_cases_queue ON kyc_cases (sla_deadline, id) WHERE status IN ('pending', 'submitted', 'in_review', 'info_requested');

-- The decisions of officers. The customer stands beside each, so that the database itself can refuse one about oneself.
CREATE TABLE kyc_decisions (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    case_id      uuid NOT NULL,
    customer_id  uuid NOT NULL,
    officer_id   uuid NOT NULL REFERENCES users,
    decision     text NOT NULL CHECK (decision IN ('approve', 'reject')),
    senior       boolean NOT NULL,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    reason_code  text,
    comment      text NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
    created_at   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    CONSTRAINT kyc_decisions_four_eyes CHECK (officer_id <> customer_id),
    CONSTRAINT kyc_decisions_one_each UNIQUE (case_id, officer_id, content_hash),
    CONSTRAINT kyc_decisions_reason CHECK ((decision = 'reject') = (reason_code IS NOT NULL))
);

-- What the checks of one round found: the rating with every point, and findings. Of officers alone.
CREATE TABLE kyc_assessments (
    case_id       uuid NOT NULL,
    customer_id   uuid NOT NULL,
    round         integer NOT NULL,
    pass          integer NOT NULL DEFAULT 1,
    model_version text NOT NULL,
    level         text NOT NULL CHECK (level IN ('low', 'medium', 'high')),
    points        integer NOT NULL,
    factors       jsonb NOT NULL,
    findings      jsonb NOT NULL,
    list_version  text NOT NULL,
    content_hash  bytea NOT NULL CHECK (length(content_hash) = 32),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, round, pass),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id)
);

CREATE TABLE kyc_hits (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id      uuid NOT NULL,
    customer_id  uuid NOT NULL,
    list         text NOT NULL,
    entry_id     text NOT NULL,
    -- What the entry said: one that says something else now is looked into again.
    entry_hash   bytea NOT NULL,
    list_version text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('sanctions', 'pep')),
    field        text NOT NULL,
    matched      text NOT NULL,
    score        numeric NOT NULL CHECK (score BETWEEN 0 AND 1),
    verdict      text NOT NULL CHECK (verdict IN ('exact', 'fuzzy')),
    -- The parts of the score, for whoever looks into it.
    parts        jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    UNIQUE (case_id, list, entry_id, field, list_version)
);
CREATE INDEX kyc_hits_customer ON kyc_hits (customer_id);

-- What the bank asks the customer. An answer is written once.
CREATE TABLE kyc_info_requests (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    case_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    -- None: the process asks, for what its checks missed.
    officer_id  uuid REFERENCES users,
    question    text NOT NULL CHECK (length(question) BETWEEN 1 AND 2000),
    documents   text[] NOT NULL DEFAULT '{}',
    asked_at    timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    answer      text CHECK (length(answer) <= 4000),
    answered_at timestamptz,
    CONSTRAINT kyc_info_requests_four_eyes CHECK (officer_id <> customer_id),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    CONSTRAINT kyc_info_requests_answered CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE UNIQUE INDEX kyc_info_requests_one_open ON kyc_info_requests (case_id) WHERE answered_at IS NULL;

-- What officers write for each other.
CREATE TABLE kyc_notes (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    case_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    officer_id  uuid NOT NULL REFERENCES users,
    body        text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
    created_at  timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    CONSTRAINT kyc_notes_four_eyes CHECK (officer_id <> customer_id)
);

-- Suspicions of money laundering, on their way to a report to the authority. Who may see them is told by one permission
-- that nothing else implies: neither the customer nor the staff around the case learns that there is one (tipping off).
CREATE TABLE kyc_suspicions (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    customer_id uuid NOT NULL REFERENCES users,
    case_id     uuid,
    officer_id  uuid NOT NULL REFERENCES users,
    body        text NOT NULL CHECK (length(body) BETWEEN 1 AND 8000),
    created_at  timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    CONSTRAINT kyc_suspicions_four_eyes CHECK (officer_id <> customer_id)
);

-- What happened to a review, in the order it happened.
CREATE TABLE kyc_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    event       text NOT NULL,
    status      text NOT NULL,
    actor       text NOT NULL CHECK (actor IN ('customer', 'officer', 'process')),
    actor_id    uuid,
    data        jsonb NOT NULL DEFAULT '{}',
    -- Names a step of the process: a step that is run again adds no second line.
    step        text,
    FOREIGN KEY (case_id, customer_id) REFERENCES kyc_cases (id, user_id),
    UNIQUE (case_id, step)
);

-- With which version of the lists all customers were last screened.
CREATE TABLE kyc_sweeps (
    name         text PRIMARY KEY CHECK (name IN ('screening')),
    list_version text NOT NULL,
    done_at      timestamptz NOT NULL
);
