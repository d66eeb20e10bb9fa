"""The dialogue with the bank: messages that people read, recalls, quarantine, reconciliation."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.wires.recalls import RECALL_MOVES

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0016_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())
    for before, after in sorted(RECALL_MOVES):
        op.get_bind().execute(
            text("INSERT INTO wire_recall_moves (from_status, to_status) VALUES (:before, :after)"),
            {"before": before, "after": after},
        )


def downgrade() -> None:
    for statement in (
        "DROP POLICY way_out ON bank_messages",
        "DROP POLICY operations ON bank_messages",
        "DROP TRIGGER bank_messages_guard ON bank_messages",
        "DROP FUNCTION app.guard_quarantine()",
        "REVOKE UPDATE (status, reason, updated_at) ON bank_messages FROM aurum_api",
        "DROP INDEX bank_messages_set_aside",
        "ALTER TABLE bank_answers DROP COLUMN recall_id, DROP COLUMN bank_reference, DROP COLUMN original_amount_minor",
        "DROP INDEX bank_messages_one_recall",
        "DROP INDEX bank_messages_one_order",
        "ALTER TABLE bank_messages DROP COLUMN recall_id",
        "CREATE UNIQUE INDEX bank_messages_one_order ON bank_messages (wire_id) WHERE direction = 'outbound'",
        "DROP TABLE wire_recalls",
        "DROP TABLE wire_recall_moves",
        "DROP FUNCTION app.guard_recall()",
        "DROP POLICY own ON bank_answers",
        "DROP POLICY own ON bank_messages",
        "DROP FUNCTION app.speaks_of_caller_alone(bank_messages)",
        "DROP INDEX bank_messages_wire",
        "ALTER TABLE bank_messages DROP COLUMN payments_named",
    ):
        op.execute(statement)
