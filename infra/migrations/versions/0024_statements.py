"""Monthly statements: what each said, for good, and the files that it was handed out as."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0024_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP TABLE statement_files")
    op.execute("DROP TABLE statements")
    op.execute("DROP FUNCTION app.guard_statement()")
    op.execute("DROP FUNCTION app.guard_statement_file()")
