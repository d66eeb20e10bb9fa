"""What other banks ask back from us, and what two people answer."""

from pathlib import Path

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0034_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    for statement in (
        "DROP INDEX bank_messages_one_cancellation_answer",
        "ALTER TABLE bank_messages DROP COLUMN cancellation_answer_id",
        "DROP TABLE bank_cancellation_answers",
        "DROP TABLE bank_cancellations",
        "DROP FUNCTION app.guard_cancellation_answer()",
        "DROP FUNCTION app.guard_cancellation()",
        "DROP FUNCTION app.answers_banks()",
    ):
        op.execute(statement)
