-- A silent bank is asked once what became of an order. The question is about the wire, and no order itself.
ALTER TABLE bank_messages ADD COLUMN inquiry boolean NOT NULL DEFAULT false;
ALTER TABLE bank_messages ADD CONSTRAINT bank_messages_inquiry CHECK (
    NOT inquiry OR direction = 'outbound' AND wire_id IS NOT NULL AND recall_id IS NULL);
DROP INDEX bank_messages_one_order;
CREATE UNIQUE INDEX bank_messages_one_order ON bank_messages (wire_id)
    WHERE direction = 'outbound' AND recall_id IS NULL AND NOT inquiry;
CREATE UNIQUE INDEX bank_messages_one_inquiry ON bank_messages (wire_id) WHERE inquiry;
