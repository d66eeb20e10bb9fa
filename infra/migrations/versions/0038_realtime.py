"""What is told over sockets, and the bells that say when to look."""

from pathlib import Path

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0038_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    for table, triggers in {
        "users": ("users_ring",),
        "sessions": ("sessions_ring",),
        "price_alert_firings": ("price_alert_firings_are_told",),
        "kyc_cases": ("kyc_cases_are_told", "kyc_cases_are_told_first"),
        "wire_transfers": ("wire_transfers_are_told", "wire_transfers_are_told_first"),
    }.items():
        for trigger in triggers:
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP TABLE live_events")
    op.execute(
        "DROP FUNCTION app.tell_of_wire(), app.tell_of_kyc_case(), app.tell_of_firings(), app.ring_events(),"
        " app.ring_session(), app.ring_person()"
    )
