"""What a customer has to know of another's account to pay into it, and what is used of the limits of transfers."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in ("0007_01_transfers.sql", "0007_02_limits.sql"):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute((SQL / name).read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION account_to_credit(text)")
    op.execute("DROP TABLE limit_uses")
