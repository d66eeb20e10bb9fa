"""Emergency overrides of the approval matrix, and their after-reviews."""

from pathlib import Path

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0036_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """What two officers decided, and why, is kept nowhere else, so there is no way back."""
    raise RuntimeError("overrides and their reviews would be lost: restore a backup instead")
