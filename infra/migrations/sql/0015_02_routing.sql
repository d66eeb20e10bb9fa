-- The approval matrix in its versions (models/wires/approval.py). The newest one decides; none is ever changed, so that
-- what decided about a wire can be read years later.
CREATE TABLE approval_matrices (
    version      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rows         jsonb NOT NULL CHECK (jsonb_typeof(rows) = 'array' AND jsonb_array_length(rows) > 0),
    note         text NOT NULL CHECK (note <> ''),
    published_by text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER approval_matrices_append_only BEFORE UPDATE OR DELETE ON approval_matrices
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- Why a wire takes the approvers that it takes: the matrix, its row, what it was asked about, and the rate. One for
-- each wire, bound to what was ordered.
CREATE TABLE wire_routings (
    wire_id           uuid PRIMARY KEY REFERENCES wire_transfers,
    matrix_version    integer NOT NULL REFERENCES approval_matrices,
    matrix_row        text NOT NULL,
    approvers         text[] NOT NULL
        CHECK (approvers <@ ARRAY['officer', 'operations', 'compliance', 'senior'] AND cardinality(approvers) <= 5),
    in_order          boolean NOT NULL,
    base_currency     text NOT NULL,
    -- Minor units of the base currency; null where no current rate said it, and the wire went to the strictest row.
    amount_base_minor bigint CHECK (amount_base_minor > 0),
    summed_base_minor bigint CHECK (summed_base_minor >= amount_base_minor),
    inputs            jsonb NOT NULL,
    explanation       text NOT NULL,
    content_hash      bytea NOT NULL CHECK (length(content_hash) = 32),
    routed_at         timestamptz NOT NULL,
    CONSTRAINT wire_routings_amounts CHECK ((amount_base_minor IS NULL) = (summed_base_minor IS NULL))
);
CREATE TRIGGER wire_routings_append_only BEFORE UPDATE OR DELETE ON wire_routings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- The same account, however many noughts are written before it: to split an amount they may not help either.
CREATE INDEX wire_transfers_same_account ON wire_transfers (ltrim(recipient_account_number, '0'), created_at);

GRANT SELECT ON approval_matrices, wire_routings TO aurum_api, aurum_worker;
GRANT INSERT ON wire_routings TO aurum_worker;
ALTER TABLE wire_routings ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON wire_routings TO aurum_worker USING (true) WITH CHECK (true);
-- Not for customers: what made a wire suspicious would teach how to avoid it.
CREATE POLICY staff ON wire_routings FOR SELECT TO aurum_api USING (app.may('wires:read') AND app.role() <> 'customer');
