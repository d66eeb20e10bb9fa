"""The compliance desk: what two officers rule about hits and blocked money, its cases, its reports."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0019_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    """Wires that were decided by rulings keep them nowhere else, so there is no way back."""
    raise RuntimeError("what was decided about wires would be lost: restore a backup instead")
