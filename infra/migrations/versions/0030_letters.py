"""Letters as customers read and want them: their list, their wishes, and what became of an e-mail."""

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0026"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0030_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION take_mail_event(text, uuid, text, text, text, timestamptz, text, boolean)")
    op.execute("DROP FUNCTION lift_proven_address(text)")
    op.execute("DROP FUNCTION staff_lift_suppression(uuid, text)")
    op.execute("DROP TABLE mail_events, mail_suppressions, notification_settings, notification_choices")
    op.execute("DROP POLICY own_reading ON notifications")
    op.execute("DROP POLICY own ON notifications")
    op.execute("CREATE POLICY own ON notifications FOR SELECT TO aurum_api USING (user_id = app.user_id())")
    op.execute("ALTER TABLE notifications DROP CONSTRAINT digested_in_one, DROP CONSTRAINT collected_at_some_time")
    op.execute(
        "UPDATE notifications SET status = 'dismissed'"
        " WHERE status IN ('collected', 'digested', 'unwanted', 'undeliverable')"
    )
    op.execute("ALTER TABLE notifications DROP CONSTRAINT notifications_status_check")
    op.execute(
        "ALTER TABLE notifications ADD CONSTRAINT notifications_status_check"
        " CHECK (status IN ('waiting', 'sending', 'sent', 'failed', 'uncertain', 'dismissed'))"
    )
    op.execute(
        "ALTER TABLE notifications DROP COLUMN in_app, DROP COLUMN read_at, DROP COLUMN required,"
        " DROP COLUMN waits_until, DROP COLUMN collected_at, DROP COLUMN digest_id, DROP COLUMN delivered_at"
    )
    op.execute("DROP INDEX notifications_of")
    op.execute("CREATE INDEX notifications_user ON notifications (user_id, created_at DESC)")
