"""What operators do to people."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0021_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP POLICY staff ON notifications")
    op.execute("DROP POLICY operations ON users")
    for index in ("wire_transfers_ended", "wire_transfers_similar", "bank_messages_quarantined"):
        op.execute(f"DROP INDEX {index}")
    for signature in (
        "staff_dashboard()",
        "staff_find_wires(text, uuid, integer)",
        "staff_freeze_user(uuid, boolean)",
        "staff_reset_factors(uuid)",
        "staff_end_sessions(uuid)",
        "staff_user_security(uuid)",
        "staff_find_users(text, integer)",
        "app.staff_may_act_on(uuid, text[])",
    ):
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP INDEX users_similar")
