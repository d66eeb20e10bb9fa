"""Sessions of the exchange, what was told of prices, the budgets for asking; watchlists, and alerts on prices."""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in sorted(SQL.glob("0023_*.sql")):
        # The driver's own call: SQLAlchemy would read the colons of casts as parameters.
        op.get_bind().connection.cursor().execute(name.read_text())


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION sweep_price_alerts(text[], numeric[], numeric[], timestamptz[], date[], boolean[], numeric[],"
        " timestamptz)"
    )
    op.execute("DROP TABLE price_alert_firings, price_alerts, market_prices, watchlist_items, watchlists")
    op.execute("DROP FUNCTION market_ask(text, integer, interval, interval), market_spent(text, timestamptz)")
    op.execute("DROP TABLE market_answers, market_calls, market_budgets, market_days")
