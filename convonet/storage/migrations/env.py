"""Alembic's entry point: runs the migrations on the connection that `convonet.storage.database.migrate` hands over."""

from alembic import context

from convonet.storage.database import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
