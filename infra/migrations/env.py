"""Runs the migrations over one connection, under a lock, so that two starting processes do not race."""

from alembic import context
from sqlalchemy import create_engine, pool, text

LOCK = 7_203_001
config = context.config


def run() -> None:
    """Upgrades the database that `sqlalchemy.url` names."""
    engine = create_engine(config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()
    engine.dispose()


run()
