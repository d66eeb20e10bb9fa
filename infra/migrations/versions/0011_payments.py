"""Payments to other banks: orders and standing orders, and what the bank says of them.

The SQL stands in files of its own, beside that of the other features.
"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.payments import MOVES

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in sorted(SQL.glob("0011_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(script.read_text())
    for (before, after), mover in MOVES.items():
        op.get_bind().execute(
            text("INSERT INTO payment_moves (from_status, to_status, mover) VALUES (:before, :after, :mover)"),
            {"before": before, "after": after, "mover": mover},
        )


def downgrade() -> None:
    raise RuntimeError("payments that are on their way would be forgotten: restore a backup instead")
