"""Cases of monitoring are closed in the same words for whoever may not know of suspicions."""

from pathlib import Path

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0046_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """The way back would show officers which cases were explained, and so which were not."""
    raise RuntimeError("suspicions would be told: restore a backup instead")
