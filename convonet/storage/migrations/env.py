"""Alembic's entry point, which migrates the connection of `convonet.storage.migrate`."""

from alembic import context

from convonet.storage.database import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
