"""What Alembic runs: the migrations, on the connection that it was given."""

from alembic import context

from ngw2f.store import partial_indexes  # noqa: F401 # they belong to the tables
from ngw2f.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
