"""The script that Alembic runs: it applies migrations on the given connection, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
