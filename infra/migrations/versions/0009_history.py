"""Transactions as their owners look at them: by account and moment, and by words."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in ("0009_01_history.sql", "0009_02_search.sql"):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute((SQL / name).read_text())


def downgrade() -> None:
    raise RuntimeError("postings would lose the order that their moments have: restore a backup instead")
