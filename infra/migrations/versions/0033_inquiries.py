"""The question to a silent bank what became of an order."""

from pathlib import Path

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0033_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    for statement in (
        "DROP INDEX bank_messages_one_inquiry",
        "DROP INDEX bank_messages_one_order",
        "ALTER TABLE bank_messages DROP COLUMN inquiry",
        "CREATE UNIQUE INDEX bank_messages_one_order ON bank_messages (wire_id) WHERE direction = 'outbound' AND recall_id IS NULL",  # noqa: E501 # as it was
    ):
        op.execute(statement)
