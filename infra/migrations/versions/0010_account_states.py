"""What owners may do to the state of their accounts."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in ("0010_01_account_states.sql",):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute((SQL / name).read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION account_set_status(uuid, text)")
    op.execute("DROP INDEX holds_account")
