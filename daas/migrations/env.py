"""What Alembic runs: every migration on the connection that it is given, in the transaction of that."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
