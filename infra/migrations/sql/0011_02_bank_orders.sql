-- A message to the bank orders a wire or a payment, and an answer of the bank is about one or the other: never both.
ALTER TABLE bank_messages ADD COLUMN payment_id uuid REFERENCES payments;
ALTER TABLE bank_messages DROP CONSTRAINT bank_messages_outbound_has_wire;
ALTER TABLE bank_messages ADD CONSTRAINT bank_messages_has_its_order
    CHECK (num_nonnulls(wire_id, payment_id) <= 1 AND (direction = 'inbound' OR num_nonnulls(wire_id, payment_id) = 1));
CREATE UNIQUE INDEX bank_messages_one_payment_order ON bank_messages (payment_id) WHERE direction = 'outbound';

ALTER TABLE bank_answers ALTER COLUMN wire_id DROP NOT NULL;
ALTER TABLE bank_answers ADD COLUMN payment_id uuid REFERENCES payments;
ALTER TABLE bank_answers ADD CONSTRAINT bank_answers_about_one_order CHECK (num_nonnulls(wire_id, payment_id) = 1);
CREATE INDEX bank_answers_payment ON bank_answers (payment_id);

-- An entry of an ACH file is known by its trace number: eight digits of the originating bank and seven that count.
CREATE SEQUENCE ach_trace AS integer MINVALUE 1 MAXVALUE 9999999 CYCLE;
-- Two ACH files of one company are told apart by the minute of their making and a modifier, A to Z and 0 to 9.
CREATE TABLE ach_files (
    company text NOT NULL,
    minute  timestamptz NOT NULL,
    files   smallint NOT NULL CHECK (files BETWEEN 1 AND 36),
    PRIMARY KEY (company, minute)
);
GRANT USAGE ON SEQUENCE ach_trace TO aurum_worker;
GRANT SELECT, INSERT, UPDATE (files) ON ach_files TO aurum_worker;
