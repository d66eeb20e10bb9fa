"""What customers of the wire desk work with."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0014_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP TABLE bank_calendars")
    op.execute("ALTER TABLE calendar_days DROP COLUMN closes, DROP COLUMN source, DROP COLUMN created_at")
    op.execute("DROP INDEX wire_transfers_recipient")
    op.execute("DROP TABLE beneficiaries")
