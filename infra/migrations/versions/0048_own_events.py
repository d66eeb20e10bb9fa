"""Of their review's timeline customers read what they did themselves."""

from pathlib import Path

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0048_*.sql")):
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute(
        "ALTER POLICY own ON kyc_events"
        " USING (customer_id = app.user_id() AND EXISTS (SELECT FROM kyc_cases c WHERE c.id = case_id))"
    )
