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
    op.execute("DROP TRIGGER wire_transfers_free_limits ON wire_transfers")
    op.execute("DROP FUNCTION app.free_wire_limits()")
    op.execute("DROP INDEX limit_uses_of_wire")
    op.execute("DROP TRIGGER wire_transfers_charges ON wire_transfers")
    op.execute("DROP FUNCTION app.guard_wire_charges()")
    op.execute("ALTER TABLE wire_transfers DROP COLUMN correspondent_minor")
    op.execute("DROP TABLE bank_calendars")
    op.execute("ALTER TABLE calendar_days DROP COLUMN closes, DROP COLUMN source, DROP COLUMN created_at")
    op.execute("DROP INDEX wire_transfers_recipient")
    op.execute("DROP TABLE beneficiaries")
