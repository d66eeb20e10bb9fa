"""Files in quarantine that two people assign to an order, or have read as they are."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0031_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    for statement in (
        "DROP TABLE quarantine_rulings",
        "DROP FUNCTION app.guard_quarantine_ruling()",
        "DROP TABLE quarantined_answers",
        "ALTER TABLE bank_messages DROP COLUMN readable_as_is",
    ):
        op.execute(statement)
