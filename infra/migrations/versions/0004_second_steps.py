"""Challenges, waiting after wrong codes, a new e-mail address, and mails that tell a secret."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in sorted(SQL.glob("0004_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(script.read_text())


def downgrade() -> None:
    raise RuntimeError("going back would let used challenges be used again: restore a backup instead")
