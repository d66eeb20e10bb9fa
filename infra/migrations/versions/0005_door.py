"""What the door remembers: failures to sign in, where somebody succeeded, and where a message stands on its way out."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in sorted(SQL.glob("0005_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(script.read_text())


def downgrade() -> None:
    raise RuntimeError("going back would forget which messages may have left: restore a backup instead")
