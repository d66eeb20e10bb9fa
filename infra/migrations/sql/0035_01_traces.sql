-- The span under which what is woken goes on, as the header traceparent writes it (W3C Trace Context); null where
-- nothing is traced.
ALTER TABLE outbox ADD COLUMN trace_parent text CHECK (trace_parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
