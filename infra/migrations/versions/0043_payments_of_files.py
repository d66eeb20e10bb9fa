"""Payments in what two people say of files in quarantine, and of what other banks ask back."""

from pathlib import Path

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0043_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """What two people said of which payment is kept nowhere else, so there is no way back."""
    raise RuntimeError("what was said of payments would be lost: restore a backup instead")
