"""The trace of what waits in the outbox, and what operations measure of the database."""

from pathlib import Path

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0035_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION observed_database()")
    op.execute(
        "DROP INDEX payments_open, bank_messages_unfinished, bank_answers_waiting, notifications_unsent, outbox_unsent"
    )
    op.execute("ALTER TABLE outbox DROP COLUMN trace_parent")
