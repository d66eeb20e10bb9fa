"""Two officers rule about a blocked payment."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0047_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())
    # A new database has it from 0011, which reads the moves as they are now.
    op.get_bind().execute(
        text("INSERT INTO payment_moves VALUES ('blocked', 'failed', 'person') ON CONFLICT DO NOTHING")
    )


def downgrade() -> None:
    raise RuntimeError("what officers have ruled would be forgotten: restore a backup instead")
