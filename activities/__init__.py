"""What may touch the world: one database transaction or one provider call per function, idempotent by key."""
