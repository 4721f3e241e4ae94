"""Alembic scripts: the history of the schema. A released script is never edited."""
