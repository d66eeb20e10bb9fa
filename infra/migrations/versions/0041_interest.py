"""Interest on blocked property: its rates, and what each property earned."""

from pathlib import Path

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0041_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """What was paid on which property, and for which days, is kept nowhere else, so there is no way back."""
    raise RuntimeError("the interest on blocked property would be lost: restore a backup instead")
