"""The database, SQLite or PostgreSQL: engine, transactions, timeouts, secrets at rest. It knows no table."""
