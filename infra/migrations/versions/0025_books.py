"""The bank's statements and what of them agrees with our books, quarantine by two people, recalls asked of us."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0025_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    for statement in (
        "DROP TABLE reconciliation_breaks",
        "DROP FUNCTION app.guard_break()",
        "DROP TABLE nostro_items",
        "DROP INDEX postings_by_time",
        "DROP TABLE bank_statement_entries",
        "DROP FUNCTION app.guard_statement_entry()",
        "DROP TABLE bank_statements",
        "DROP FUNCTION app.watches_reconciliation()",
    ):
        op.execute(statement)
