"""Alembic's environment: migrations run on the connection, and in the transaction, that the store gives."""

from alembic import context

from armchair.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
