"""Whoever changes their date of birth is looked at again."""

from pathlib import Path

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def _run(statement: str) -> None:
    # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
    op.get_bind().connection.cursor().execute(statement)


def upgrade() -> None:
    for name in sorted(SQL.glob("0045_*.sql")):
        _run(name.read_text())


def downgrade() -> None:
    """The function as it was."""
    before = (SQL / "0018_04_kyc_life.sql").read_text()
    function = before[before.index("CREATE FUNCTION kyc_open_due") :]
    _run(function[: function.index("$$;") + 3].replace("CREATE", "CREATE OR REPLACE", 1))
