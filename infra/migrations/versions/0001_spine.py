"""The spine: people, accounts, the ledger, wires, the bank channel, audit and outbox.

The SQL stands in files of its own, one per feature, because it is the part of the bank that most needs to be read.
"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.wires import MOVES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in sorted(SQL.glob("0001_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(script.read_text())
    for (before, after), mover in MOVES.items():
        op.get_bind().execute(
            text("INSERT INTO wire_moves (from_status, to_status, mover) VALUES (:before, :after, :mover)"),
            {"before": before, "after": after, "mover": mover},
        )


def downgrade() -> None:
    raise RuntimeError("the first migration has nothing to go back to: restore a backup instead")
