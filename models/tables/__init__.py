"""How things are kept: SQLModel tables and the queries over them. They take a session and never commit."""
