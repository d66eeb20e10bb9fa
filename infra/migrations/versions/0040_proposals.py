"""What was proposed may be refused or withdrawn: the rules of monitoring."""

from pathlib import Path

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0040_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """Who refused what, and why, is kept nowhere else, so there is no way back."""
    raise RuntimeError("refusals would be lost: restore a backup instead")
