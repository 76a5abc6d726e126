"""The database, whichever it is: engine, transactions, timeouts, secrets at rest. Knows no table."""
