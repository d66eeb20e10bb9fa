"""Calling a customer back before a large wire to somebody new is approved."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.wires import DEFAULT_MATRIX

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0037_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())
    # The rows stay the bank's own; what is new decides by a version of its own.
    op.get_bind().execute(
        text(
            "INSERT INTO approval_matrices (rows, call_back_over, note, published_by) SELECT rows, :over,"
            " 'As shipped, with call-backs', 'migration' FROM approval_matrices ORDER BY version DESC LIMIT 1"
        ),
        {"over": DEFAULT_MATRIX.call_back_over},
    )


def downgrade() -> None:
    """Who was called, and what they said, is kept nowhere else, so there is no way back."""
    raise RuntimeError("call-backs would be lost: restore a backup instead")
