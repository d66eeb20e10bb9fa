"""The hash chain over the audit log (models/audit_chain.py)."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in sorted(SQL.glob("0002_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(script.read_text())


def downgrade() -> None:
    raise RuntimeError("going back would throw the proof away: restore a backup instead")
