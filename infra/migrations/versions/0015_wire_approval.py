"""Who approves a wire: rates and risks, the matrix and what it decided, limits, delegations, questions."""

import json
from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.wires import DEFAULT_MATRIX

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0015_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())
    op.get_bind().execute(
        text(
            "INSERT INTO approval_matrices (rows, note, published_by)"
            " VALUES (CAST(:rows AS jsonb), 'As shipped', 'migration')"
        ),
        {"rows": json.dumps(DEFAULT_MATRIX.model_dump(mode="json")["rows"])},
    )


def downgrade() -> None:
    """Wires that were routed by the matrix keep what it said nowhere else, so there is no way back."""
    raise RuntimeError("what decided about wires would be lost: restore a backup instead")
