"""Transaction monitoring: rules, alerts, cases, and who may see them."""

import json
from pathlib import Path

from alembic import op
from sqlalchemy import text

from models.monitoring import DEFAULT_RULES

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0032_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())
    op.get_bind().execute(
        text(
            "INSERT INTO monitoring_rulebooks (rules, note, published_at)"
            " VALUES (CAST(:rules AS jsonb), 'As shipped', clock_timestamp())"
        ),
        {"rules": json.dumps(DEFAULT_RULES.stored())},
    )


def downgrade() -> None:
    """What was found and decided about customers is kept nowhere else, so there is no way back."""
    raise RuntimeError("monitoring cases would be lost: restore a backup instead")
