"""Entry point of alembic: runs the scripts on the connection `store/migrate.py` hands over."""

from alembic import context

from gb28181.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
