"""What operators do about letters that did not leave."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0022_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION staff_settle_notification(uuid, boolean, text)")
    op.execute("DROP POLICY operations ON notifications")
    op.execute("UPDATE notifications SET status = 'failed' WHERE status = 'dismissed'")
    op.execute("ALTER TABLE notifications DROP CONSTRAINT notifications_status_check")
    op.execute(
        "ALTER TABLE notifications ADD CONSTRAINT notifications_status_check"
        " CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'uncertain'))"
    )
