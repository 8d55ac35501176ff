"""Runs the steps on the connection that the store hands over, inside its one transaction.

Alembic calls this file as a script, so it acts when it is loaded; nothing else imports it.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
