"""Reviews of customers: cases, decisions, findings, questions, notes, suspicions, and what they make of a customer."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0018_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute("DROP TRIGGER kyc_documents_begin ON kyc_documents")
    for table in (
        "kyc_sweeps", "kyc_events", "kyc_suspicions", "kyc_notes", "kyc_info_requests", "kyc_hits", "kyc_assessments",
        "kyc_decisions", "kyc_cases", "kyc_moves",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
    for function in (
        "kyc_officer(uuid)", "kyc_document_begins()", "kyc_case_moves_its_customer()", "guard_new_kyc_case()",
        "guard_kyc_case()", "guard_kyc_answer()", "kyc_mover(uuid)",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION app.{function}")
    due = "timestamptz, interval, interval, text[], jsonb, integer, interval, interval, interval, interval, integer"
    op.execute(f"DROP FUNCTION kyc_open_due({due})")
    op.execute("DROP FUNCTION app.kyc_open(uuid, text, boolean, timestamptz, text)")
    op.execute("DROP FUNCTION kyc_next_number(uuid)")
    op.execute("ALTER TABLE users DROP COLUMN kyc_restriction, DROP COLUMN kyc_review_due")
